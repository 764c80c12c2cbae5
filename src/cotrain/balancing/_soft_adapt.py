"""SoftAdapt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax, masked_sum
from cotrain.balancing._loss_rule import LossRule

#: Backward differences: the slope at the last of n + 1 equidistant points, exact for polynomials of degree n.
DIFFERENCES = {
    1: (-1.0, 1.0),
    2: (1 / 2, -2.0, 3 / 2),
    3: (-1 / 3, 3 / 2, -3.0, 11 / 6),
    4: (1 / 4, -4 / 3, 3.0, -4.0, 25 / 12),
    5: (-1 / 5, 5 / 4, -10 / 3, 5.0, -5.0, 137 / 60),
}


class SoftAdapt(LossRule):
    """More weight for losses that rise, or fall slowly: w = K·softmax(β·s), s the slope of each loss.

    The slope sₖ is a backward difference of the last n + 1 losses of the task. `normalized` divides all
    slopes by Σ|s|; `loss_weighted` multiplies exp(β·sₖ) by the loss before the weights are brought to sum K.
    Before a task has n + 1 losses its slope counts as 0. Cost: nothing beyond the one backward pass. Needs:
    `LOSSES`.

    It fails for noisy losses, whose slopes are noise, the more so for a larger n. Without `normalized`, and
    with `loss_weighted`, it depends on the units of the losses.

    A preference multiplies the weights.

    Args:
        beta: β; positive favours the worst task, negative the best.
        order: n from 1 to 5.
        normalized: whether slopes are divided by the sum of their sizes.
        loss_weighted: whether losses multiply the exponentials.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if the order is not one of 1 to 5.

    Example:
        >>> import numpy as np
        >>> balancer = SoftAdapt(beta=1.0, order=1)
        >>> balancer.weights(np.array([1.0, 1.0])).tolist()
        [1.0, 1.0]
        >>> balancer.weights(np.array([0.5, 1.0])).round(3).tolist()  # the first one falls
        [0.538, 1.462]

    Source: Heydari, Thompson and Mehmood, "SoftAdapt: Techniques for Adaptive Loss Weighting of Neural
    Networks with Multi-Part Loss Functions", 2019, https://arxiv.org/abs/1912.12355. Different here: weights
    have mean 1 (the paper's sum to 1); absent tasks keep their losses, so that a slope is per labelled batch.
    """

    def __init__(
        self,
        beta: float = 0.1,
        order: int = 4,
        normalized: bool = True,
        loss_weighted: bool = False,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 1, 5, order=order)
        self.beta = beta
        self.order = order
        self.normalized = normalized
        self.loss_weighted = loss_weighted

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        slopes_K = self._slopes(xp, losses_K, active_K)
        if self.normalized:
            total = masked_sum(xp, xp.abs(slopes_K), active_K)
            slopes_K = slopes_K / xp.where(total > 0, total, xp.ones_like(total))
        logits_K = self.beta * slopes_K
        if self.loss_weighted:
            logits_K = logits_K + xp.log(self._positive_losses(xp, losses_K, active_K))
        return count(xp, active_K, losses_K.dtype) * masked_softmax(xp, logits_K, active_K)

    def _slopes(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        """Add the losses to those that are kept and return the slopes, 0 where there are too few."""
        coefficients = DIFFERENCES[self.order]
        seen_K = self._recall(xp, "seen", losses_K, 0.0)
        seen_K = self._keep(xp, "seen", seen_K + 1, seen_K, active_K)
        slopes_K = coefficients[-1] * losses_K
        newer_K = losses_K
        for age in range(1, len(coefficients)):
            older_K = self._recall(xp, f"loss_{age}", losses_K, 0.0)
            slopes_K = slopes_K + coefficients[-1 - age] * older_K
            self._keep(xp, f"loss_{age}", newer_K, older_K, active_K)
            newer_K = older_K
        return xp.where(seen_K > self.order, slopes_K, xp.zeros_like(slopes_K))
