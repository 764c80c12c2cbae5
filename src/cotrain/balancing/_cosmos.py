"""Linear scalarisation with a penalty on the angle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_sum
from cotrain.balancing._loss_rule import LossRule


class COSMOS(LossRule):
    """The gradient of a weighted sum of the losses less λ times their cosine with the weights.

    The objective is α·L − λ·cos(α, L), so wₖ = αₖ − λ(αₖ/(‖α‖‖L‖) − (α·L)Lₖ/(‖α‖‖L‖³)). The second term draws
    the losses to the ray L ∝ α, so that points along the whole front can be reached. Cost: nothing beyond the
    one backward pass. Needs: `LOSSES`.

    It fails for losses of different units, whose angle means nothing. Where λ exceeds α·L by much a weight
    can be negative: that loss is pushed up to the ray. And the two terms pull apart: a larger αₖ counts task
    k for more in the sum and lets its loss be larger on the ray.

    A preference is α (with mean 1).

    Args:
        penalty: λ ≥ 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if λ is negative.

    Example:
        >>> import numpy as np
        >>> COSMOS(penalty=0.0).weights(np.array([1.0, 4.0])).tolist()
        [1.0, 1.0]
        >>> COSMOS(penalty=1.0).weights(np.array([3.0, 4.0])).round(4).tolist()  # the second is too large
        [0.9774, 1.017]

    Source: Ruchte and Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective Learning",
    2021, https://arxiv.org/abs/2103.13392. Different here: α is fixed for a run and not an input of the
    network that is drawn anew for every batch, and it has mean 1 instead of sum 1.
    """

    multiplies_preference = False

    def __init__(self, penalty: float = 1.0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, penalty=penalty)
        self.penalty = penalty

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        zeros_K = xp.zeros_like(losses_K)
        alpha_K = xp.where(active_K, self._preference_K(xp, losses_K, active_K), zeros_K)
        seen_K = xp.where(active_K, losses_K, zeros_K)
        # in units of the largest loss, so that no square vanishes or overflows
        largest = xp.max(xp.abs(seen_K))
        largest = xp.where(largest > 0, largest, xp.ones_like(largest))
        unit_K = seen_K / largest
        length = xp.sqrt(masked_sum(xp, unit_K**2, active_K))
        safe_length = xp.where(length > 0, length, xp.ones_like(length))
        direction_K = unit_K / safe_length
        ray_K = alpha_K / xp.sqrt(xp.maximum(masked_sum(xp, alpha_K**2, active_K), xp.ones_like(length)))
        cosine = masked_sum(xp, ray_K * direction_K, active_K)
        slope_K = (ray_K - cosine * direction_K) / safe_length / largest
        return alpha_K - self.penalty * xp.where(length > 0, slope_K, zeros_K)
