"""The geometric mean of the losses."""

from __future__ import annotations

from typing import Any

from cotrain.balancing._arrays import Array, masked_mean
from cotrain.balancing._loss_rule import LossRule


class GeometricMean(LossRule):
    """The gradient of the geometric mean M = (Π Lₖ)^(1/K): wₖ = M / (K·Lₖ).

    The direction of `LogLoss`, with a length that follows the losses. Cost: nothing beyond the one
    backward pass. Needs: `LOSSES`.

    It fails when one loss goes to 0: M does too, and every other task stops learning. Negative losses are
    counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> GeometricMean().weights(np.array([0.5, 8.0])).round(6).tolist()
        [2.0, 0.125]

    Source: Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy
    for Multi-Task Learning", 2019, https://arxiv.org/abs/1904.08492. Nothing differs for positive losses.
    """

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        mean = xp.exp(masked_mean(xp, xp.log(positive_K), active_K))
        n_active = xp.sum(xp.astype(active_K, losses_K.dtype))
        return mean / (xp.maximum(n_active, xp.ones_like(n_active)) * positive_K)
