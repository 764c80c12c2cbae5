"""Everything that a fit can be told, in one place."""

from __future__ import annotations

import copy
from typing import Any, Literal, final

from torch import Tensor

from cotrain._base import InvalidArgumentError, check_whole, expected_number
from cotrain._base._inputs import SOUND
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Leaf, Leaves, Ragged
from cotrain.training._budget import (
    LEARNING_RATE,
    LEARNING_RATE_OF_SOUNDS,
    MOST_OWN_EPOCHS,
    WARMUP,
    WARMUP_OF_SOUNDS,
    Budget,
    Kind,
    Select,
    epochs_for,
    rows_a_step,
)
from cotrain.training._reconstruction import Reconstruction
from cotrain.training._time_plan import seconds_of

#: More epochs than anybody trains: the number was mistyped, and the fit would not end.
MOST_GIVEN_EPOCHS = 1_000_000
#: The part of the usual epochs that a fast fit takes.
FAST = 4


@final
class Training:
    """How a network is fitted.

    Args:
        epochs: passes over the labelled training rows at most, 1 to 1,000,000; "auto": 20, or on tables of
            fewer than 5,000 labelled rows as many as 3,000 steps are, but no more than 200; of so few
            pictures as many as 2,000 steps are, but 10 to 40; of so few sentences, sounds and the like the
            same, but 20 to 60; "fast": a quarter of these.
        batch_size: rows in a step, ≥ 1; `None`: 32 below 1,000 labelled rows and where rows have different
            length, such as sentences, 64 below 5,000, else 256; 8 pictures, or 32 from 5,000 on; 16 sounds.
        learning_rate: peak step size of AdamW, > 0; "auto": 0.006 where there is a column of sounds, else
            0.002.
        weight_decay: decoupled weight decay of the shared weight matrices, ≥ 0 (Loshchilov & Hutter,
            "Decoupled Weight Decay Regularization", 2019, https://arxiv.org/abs/1711.05101). Biases,
            normalisation and embeddings are not decayed.
        task_weight_decay: the same for the tasks' own matrices; `None`: as `weight_decay`.
        warmup: share of all steps in which the learning rate rises linearly from 0, in [0, 1). It then
            falls as half a cosine to 0 at the end of the last epoch. "auto": 0.3 where there is a column of
            sounds, else 0.05.
        clip: largest norm of the gradient of all parameters, > 0; `None`: no clipping.
        patience: epochs without a better validation value of what is kept before the fit stops early, ≥ 1;
            `None`: never; "auto": a fifth of the epochs, 5 at least.
        select: whose best epoch is kept. "combined": one set of weights, at the best mean relative gain
            over the best constant prediction on the validation rows; "per_task": for each task the weights
            of its own best epoch; "last": the weights at the end, and no early stopping; "auto": "per_task"
            for up to ten tasks, "combined" for more, since each task may cost a set of weights.
        average: decay per step of an exponential average of the weights, in [0, 1), that is validated
            and kept instead of the weights themselves; 0: no averaging.
        gradients: which gradients a balancer gets if it asks for any: "auto", "exact", "ghost",
            "disjoint" or "representation" (an approximation).
        balance_every: steps for which a balancer's weights are used again, ≥ 1.
        monitor: steps between two records of how the tasks' gradients relate, ≥ 1, for `cotrain analyze`;
            each costs a step of a gradient method. `None`: none are kept.
        precision: "float32", or "bfloat16" for autocast, where layers that have no such form on this
            processor stay in float32.
        device: "auto" (an accelerator if there is one), or a torch device name.
        checkpoint_seconds: time between two checkpoints within an epoch, > 0.
        time_limit: seconds that the fit may take, or a text such as "90s", "10m" or "1h30m"; `None`: no
            limit. After an epoch the planned number of epochs is shortened to what still fits, so that the
            learning rate falls to 0 in time; one epoch is always run. Time that was used before an
            interruption counts.
        reconstruction: how the network learns from all rows, labelled or not, beside its tasks; `None`: not.

    Raises:
        InvalidArgumentError: if a value is out of its range.

    Example:
        >>> Training(epochs=5).epochs
        5
    """

    def __init__(
        self,
        epochs: int | Literal["auto", "fast"] = "auto",
        batch_size: int | None = None,
        learning_rate: float | Literal["auto"] = "auto",
        *,
        weight_decay: float = 1e-2,
        task_weight_decay: float | None = None,
        warmup: float | Literal["auto"] = "auto",
        clip: float | None = 1.0,
        patience: int | Literal["auto"] | None = "auto",
        select: Literal["auto", "combined", "per_task", "last"] = "auto",
        average: float = 0.99,
        gradients: Literal["auto", "exact", "ghost", "disjoint", "representation"] = "auto",
        balance_every: int = 1,
        monitor: int | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: str = "auto",
        checkpoint_seconds: float = 30.0,
        time_limit: float | str | None = None,
        reconstruction: Reconstruction | None = None,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.task_weight_decay = task_weight_decay
        self.warmup = warmup
        self.clip = clip
        self.patience = patience
        self.select = select
        self.average = average
        self.gradients = gradients
        self.balance_every = balance_every
        self.monitor = monitor
        self.precision = precision
        self.device = device
        self.checkpoint_seconds = checkpoint_seconds
        self.time_limit = time_limit
        if time_limit is not None:
            seconds_of(time_limit)
        self.reconstruction = reconstruction
        self._check()

    def budget(self, n_labelled: int, inputs: Leaves | None = None, *, n_tasks: int = 1) -> Budget:
        """Return the numbers that stand for "auto" with these rows.

        Args:
            n_labelled: training rows with a label.
            inputs: name -> tensor [N, ...] or N ragged rows; `None`: of a table.
            n_tasks: K.
        """
        leaves = list((inputs or {}).values())
        ragged = any(isinstance(leaf, Ragged) or getattr(leaf, "ragged", False) for leaf in leaves)
        kind = _kind_of(inputs or {})
        auto = rows_a_step(n_labelled, kind=kind, ragged=ragged)
        size = auto if self.batch_size is None else self.batch_size
        usual = epochs_for(n_labelled, size, kind=kind)
        epochs = {"auto": usual, "fast": -(-usual // FAST)}.get(str(self.epochs), self.epochs)
        assert isinstance(epochs, int)
        patience = max(5, -(-epochs // 5)) if self.patience == "auto" else self.patience
        own: Select = "per_task" if n_tasks <= MOST_OWN_EPOCHS else "combined"
        select = own if self.select == "auto" else self.select
        rate, warmup = LEARNING_RATE, WARMUP
        if kind == "sounds":
            rate, warmup = LEARNING_RATE_OF_SOUNDS, WARMUP_OF_SOUNDS
        rate = rate if self.learning_rate == "auto" else self.learning_rate
        warmup = warmup if self.warmup == "auto" else self.warmup
        return Budget(epochs, size, patience, select, learning_rate=rate, warmup=warmup)

    def fixed(self, budget: Budget) -> Training:
        """Return these settings with the numbers of a budget."""
        fixed = copy.copy(self)
        fixed.epochs, fixed.batch_size = budget.epochs, budget.batch_size
        fixed.patience, fixed.select = budget.patience, budget.select
        fixed.learning_rate, fixed.warmup = budget.learning_rate, budget.warmup
        return fixed

    def within(self, seconds: float | None) -> Training:
        """Return these settings with another limit of time."""
        limited = copy.copy(self)
        limited.time_limit = seconds
        return limited

    def _check(self) -> None:
        check_whole(self, "training")
        ranges: list[tuple[str, bool, str]] = [
            (
                "epochs",
                self.epochs in ("auto", "fast") or 1 <= self.epochs <= MOST_GIVEN_EPOCHS,
                "at least 1 and at most 1,000,000, auto or fast",
            ),
            ("batch_size", self.batch_size is None or self.batch_size >= 1, "at least 1"),
            (
                "learning_rate",
                self.learning_rate == "auto" or _is_number(self.learning_rate, open_low=True, open_high=True),
                "a positive finite number, or auto",
            ),
            ("weight_decay", _is_number(self.weight_decay, open_high=True), "a finite number of at least 0"),
            (
                "task_weight_decay",
                self.task_weight_decay is None or _is_number(self.task_weight_decay, open_high=True),
                "a finite number of at least 0, or null",
            ),
            (
                "warmup",
                self.warmup == "auto" or _is_number(self.warmup, 1, open_high=True),
                "a share in [0, 1), or auto",
            ),
            ("clip", self.clip is None or _is_number(self.clip, open_low=True), "a positive number, or null"),
            (
                "patience",
                self.patience in (None, "auto") or self.patience >= 1,
                "at least 1, auto, or null",
            ),
            (
                "select",
                self.select in ("auto", "combined", "per_task", "last"),
                "auto, combined, per_task or last",
            ),
            ("average", _is_number(self.average, 1, open_high=True), "a decay in [0, 1)"),
            ("balance_every", self.balance_every >= 1, "at least 1"),
            ("monitor", self.monitor is None or self.monitor >= 1, "at least 1, or null"),
            ("precision", self.precision in ("float32", "bfloat16"), "float32 or bfloat16"),
            (
                "checkpoint_seconds",
                _is_number(self.checkpoint_seconds, open_low=True),
                "a positive number of seconds",
            ),
            (
                "reconstruction",
                self.reconstruction is None or isinstance(self.reconstruction, Reconstruction),
                "a Reconstruction, or null",
            ),
        ]
        for name, right, expected in ranges:
            if not right:
                raise InvalidArgumentError(
                    f"training.{name} is {getattr(self, name)!r}: expected {expected}."
                )


def _is_number(
    value: object, high: float = float("inf"), *, open_low: bool = False, open_high: bool = False
) -> bool:
    """Return whether this is a number from 0 on; true, false and texts are none."""
    number: Any = value
    return not expected_number(number, 0, high, open_low=open_low, open_high=open_high)


def _kind_of(inputs: Leaves) -> Kind:
    """Say what rows are made of: sounds or pictures [C, H, W] where one input is, in memory or files."""
    leaves = list(inputs.values())
    if any(name.startswith(SOUND) for name in inputs):
        return "sounds"
    if any(_holds_pictures(leaf) for leaf in leaves):
        return "pictures"
    return "vectors" if all(isinstance(leaf, Tensor) and leaf.dim() <= 2 for leaf in leaves) else "others"


def _holds_pictures(leaf: Leaf) -> bool:
    return leaf.dim() == 4 if isinstance(leaf, Tensor) else isinstance(leaf, Lazy) and not leaf.ragged
