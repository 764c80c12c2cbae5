"""Balancing inside a PyTorch Lightning module (extra `lightning`)."""

from __future__ import annotations

from typing import Any

from cotrain._base import require_extra
from cotrain.gradients._state_dict import StatefulBalance


def lightning_callback(balance: StatefulBalance) -> Any:
    """Return a Lightning callback that tells a `Balance` what happens in a run and keeps its state.

    In the module return `self.balance.combine(losses)` from `training_step`: one scalar, so automatic
    optimisation, precision plugins, gradient accumulation and DDP work as always (heads are weighed too, see
    `Balance.combine`). The callback logs the weights as `weight/TASK`, ends the balancer's epochs and puts
    the state into the checkpoint.

    Args:
        balance: the `Balance` that the module uses.

    Raises:
        MissingExtraError: if pytorch-lightning is not installed.

    Example:
        >>> trainer = pl.Trainer(callbacks=[lightning_callback(module.balance)])  # doctest: +SKIP
    """
    lightning = require_extra("pytorch_lightning", "lightning", "lightning_callback")

    class BalanceCallback(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if balance.weights is not None and balance.tasks is not None:
                weights = zip(balance.tasks, balance.weights.unbind(), strict=True)
                pl_module.log_dict({f"weight/{task}": weight for task, weight in weights})

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            balance.end_epoch()

        def state_dict(self) -> dict[str, Any]:
            return balance.state_dict()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            balance.load_state_dict(state_dict)

    return BalanceCallback()
