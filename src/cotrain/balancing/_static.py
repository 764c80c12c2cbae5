"""Weights that the user chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array
from cotrain.balancing._loss_rule import LossRule


class Static(LossRule):
    """Fixed weights of the user's choice: wₖ = weightₖ.

    Tuned on validation data they are the reference that every adaptive method has to beat (Xin et al.,
    "Do Current Multi-Task Optimization Methods in Deep Learning Even Help?", 2022,
    https://arxiv.org/abs/2209.11379).

    Cost: nothing beyond the one backward pass.

    A preference multiplies the weights.

    Args:
        weights_per_task: K finite numbers ≥ 0, in the order of the tasks.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if a weight is negative or not finite, or their number is not K.

    Example:
        >>> import numpy as np
        >>> Static([1, 0.25]).weights(np.array([0.5, 20.0]))
        array([1.  , 0.25])
    """

    def __init__(
        self, weights_per_task: Sequence[float], *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        values = [float(value) for value in weights_per_task]
        if not values or any(not 0 <= value < float("inf") for value in values):
            raise InvalidArgumentError(
                f"Static(weights_per_task={weights_per_task!r}): expected K finite numbers of at least 0."
            )
        self.weights_per_task = values

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        self._check_length("weights_per_task", self.weights_per_task, losses_K.shape[0])
        return self._constant(xp, self.weights_per_task, losses_K)
