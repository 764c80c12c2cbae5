"""Everything that a fit can be told, in one place."""

from __future__ import annotations

import copy
from typing import Literal, final

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Leaves, Ragged

#: Rows in a step where the user names none: of a table, and of sentences, which hold many labels each, and of
#: which corpora have few: 4,000 in batches of 256 would be 16 steps an epoch.
ROWS_A_STEP, RAGGED_ROWS_A_STEP = 256, 32


@final
class Training:
    """How a network is fitted.

    Args:
        epochs: passes over the labelled training rows at most, ≥ 1.
        batch_size: rows in a step, ≥ 1; `None`: 256, or 32 where rows have different length, such as
            sentences.
        learning_rate: peak step size of AdamW, > 0.
        weight_decay: decoupled weight decay of the shared weight matrices, ≥ 0 (Loshchilov & Hutter,
            "Decoupled Weight Decay Regularization", 2019, https://arxiv.org/abs/1711.05101). Biases,
            normalisation and embeddings are not decayed.
        task_weight_decay: the same for the tasks' own matrices; `None`: as `weight_decay`.
        warmup: share of all steps in which the learning rate rises linearly from 0, in [0, 1). It then
            falls as half a cosine to 0 at the end of the last epoch.
        clip: largest norm of the gradient of all parameters, > 0; `None`: no clipping.
        patience: epochs without a better validation value before the fit stops early, ≥ 1;
            `None`: never.
        select: whose best epoch is kept. "combined": one set of weights, at the best mean relative gain
            over the best constant prediction on the validation rows; "per_task": for each task the weights
            of its own best epoch; "last": the weights at the end, and no early stopping.
        average: decay per step of an exponential average of the weights, in [0, 1), that is validated
            and kept instead of the weights themselves; 0: no averaging.
        gradients: which gradients a balancer gets if it asks for any: "auto", "exact", "ghost",
            "disjoint" or "representation" (an approximation).
        balance_every: steps for which a balancer's weights are used again, ≥ 1.
        monitor: steps between two records of how the tasks' gradients relate, ≥ 1, for `cotrain analyze`;
            each costs a step of a gradient method. `None`: none are kept.
        precision: "float32", or "bfloat16" for autocast.
        device: "auto" (an accelerator if there is one), or a torch device name.
        checkpoint_seconds: time between two checkpoints within an epoch, > 0.

    Raises:
        InvalidArgumentError: if a value is out of its range.

    Example:
        >>> Training(epochs=5).epochs
        5
    """

    def __init__(
        self,
        epochs: int = 20,
        batch_size: int | None = None,
        learning_rate: float = 2e-3,
        *,
        weight_decay: float = 1e-2,
        task_weight_decay: float | None = None,
        warmup: float = 0.05,
        clip: float | None = 1.0,
        patience: int | None = 5,
        select: Literal["combined", "per_task", "last"] = "combined",
        average: float = 0.99,
        gradients: Literal["auto", "exact", "ghost", "disjoint", "representation"] = "auto",
        balance_every: int = 1,
        monitor: int | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: str = "auto",
        checkpoint_seconds: float = 30.0,
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
        self._check()

    @property
    def rows_a_step(self) -> int:
        """The batch size, or that of a table where none is given."""
        return ROWS_A_STEP if self.batch_size is None else self.batch_size

    def sized_for(self, inputs: Leaves) -> Training:
        """Return these settings with the batch size that suits the inputs, if none is given.

        Args:
            inputs: name -> tensor [N, ...] or N ragged rows.
        """
        if self.batch_size is not None:
            return self
        sized = copy.copy(self)
        ragged = any(isinstance(leaf, Ragged) for leaf in inputs.values())
        sized.batch_size = RAGGED_ROWS_A_STEP if ragged else ROWS_A_STEP
        return sized

    def _check(self) -> None:
        infinity = float("inf")
        ranges: list[tuple[str, bool, str]] = [
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size is None or self.batch_size >= 1, "at least 1"),
            ("learning_rate", 0 < self.learning_rate < infinity, "a positive finite number"),
            ("weight_decay", 0 <= self.weight_decay < infinity, "a finite number of at least 0"),
            (
                "task_weight_decay",
                self.task_weight_decay is None or 0 <= self.task_weight_decay < infinity,
                "a finite number of at least 0, or null",
            ),
            ("warmup", 0 <= self.warmup < 1, "a share in [0, 1)"),
            ("clip", self.clip is None or self.clip > 0, "a positive number, or null"),
            ("patience", self.patience is None or self.patience >= 1, "at least 1, or null"),
            ("select", self.select in ("combined", "per_task", "last"), "combined, per_task or last"),
            ("average", 0 <= self.average < 1, "a decay in [0, 1)"),
            ("balance_every", self.balance_every >= 1, "at least 1"),
            ("monitor", self.monitor is None or self.monitor >= 1, "at least 1, or null"),
            ("precision", self.precision in ("float32", "bfloat16"), "float32 or bfloat16"),
            ("checkpoint_seconds", self.checkpoint_seconds > 0, "a positive number of seconds"),
        ]
        for name, right, expected in ranges:
            if not right:
                raise InvalidArgumentError(
                    f"training.{name} is {getattr(self, name)!r}: expected {expected}."
                )
