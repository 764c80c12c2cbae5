"""Softmax of inverse losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class UncertaintySoft(LossRule):
    """Optimal uncertainty weights through a softmax (UW-SO): w = K·softmax((1/L)/T).

    1/Lₖ is the optimum of `Uncertainty`; the softmax bounds it. Cost: nothing beyond the one backward
    pass. Needs: `LOSSES`.

    It fails without tuning: it depends on the units of the losses, and the temperature must be tuned to
    them: for T far below 1/L one task takes all the weight. Negative losses are counted from a running
    lower bound.

    A preference multiplies the weights.

    Args:
        temperature: T > 0; large = equal weights.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if T is not positive.

    Example:
        >>> import numpy as np
        >>> UncertaintySoft(temperature=2.0).weights(np.array([0.5, 1.0])).round(3).tolist()
        [1.245, 0.755]

    Source: Kirchdorfer et al., "Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning", 2024,
    https://arxiv.org/abs/2408.07985. Different here: weights have mean 1, not sum 1, so that a learning
    rate means the same as for `Equal`.
    """

    def __init__(self, temperature: float = 1.0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, temperature=temperature)
        self.temperature = temperature

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        inverse_K = 1.0 / self._positive_losses(xp, losses_K, active_K)
        n_active = count(xp, active_K, losses_K.dtype)
        return n_active * masked_softmax(xp, inverse_K / self.temperature, active_K)
