"""Balancing under the Trainer of Hugging Face transformers (extra `text`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from cotrain._base import InvalidArgumentError, require_extra
from cotrain.gradients._state_dict import StatefulBalance

#: The file of the balancer's state in a checkpoint folder.
_FILE = "cotrain_balance.pt"


def trainer_callback(balance: StatefulBalance) -> Any:
    """Return a `TrainerCallback` that keeps the state of a `Balance` in the Trainer's checkpoints.

    Let the model return `balance.combine(losses)` as its loss while it trains: one scalar, so that the
    Trainer's mixed precision, accumulation and several processes work as always (heads are weighed too, see
    `Balance.combine`). The callback ends the balancer's epochs, writes its state beside each checkpoint and
    takes it up again when a run is resumed. Without it a resumed run would start the method afresh.

    Args:
        balance: the `Balance` that the model uses.

    Raises:
        MissingExtraError: if transformers is not installed.
        InvalidArgumentError: on resuming from a checkpoint that was written without the callback.

    Example:
        >>> trainer = Trainer(model, arguments, callbacks=[trainer_callback(balance)])  # doctest: +SKIP
    """
    transformers = require_extra("transformers", "text", "trainer_callback")

    class BalanceStateCallback(transformers.TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            balance.end_epoch()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                folder = _checkpoint(args, state)
                folder.mkdir(parents=True, exist_ok=True)
                torch.save(balance.state_dict(), folder / _FILE)

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if not state.global_step:
                return
            path = _checkpoint(args, state) / _FILE
            if not path.exists():
                raise InvalidArgumentError(
                    f"The run is resumed at step {state.global_step}, but there is no {_FILE} in "
                    f"{path.parent.name}: resume a run that was trained with trainer_callback, in the same "
                    "output_dir."
                )
            balance.load_state_dict(torch.load(path, weights_only=True))

    return BalanceStateCallback()


def _checkpoint(args: Any, state: Any) -> Path:
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"
