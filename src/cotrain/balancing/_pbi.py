"""Penalty-based boundary intersection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_sum
from cotrain.balancing._loss_rule import LossRule


class PBI(LossRule):
    """The gradient of the way along a ray plus θ times the distance from it: d₁ + θ·d₂.

    With the unit ray λ, d₁ = λ·L and d₂ = ‖L − d₁λ‖; the weights are √K·(λ + θ(L − d₁λ)/d₂). A large θ holds
    the losses on the ray while it draws them to 0, so that a point of the front is chosen also where it is
    not convex. Cost: nothing beyond the one backward pass. Needs: `LOSSES`.

    It fails for losses of different units, whose distance means nothing (scale them first). A loss below
    its place on the ray gets a negative weight: it is pushed up.

    A preference p makes the ray λ ∝ 1/p: on it the products pₖLₖ are equal, so that a favoured task ends with
    a smaller loss.

    Args:
        theta: θ ≥ 0; the paper uses 5. With 0 only the way along the ray counts.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if θ is negative.

    Example:
        >>> import numpy as np
        >>> PBI(theta=1.0).weights(np.array([2.0, 2.0])).round(4).tolist()  # on the ray
        [1.0, 1.0]
        >>> PBI(theta=0.5).weights(np.array([1.0, 2.0])).round(4).tolist()
        [0.5, 1.5]

    Source: Zhang and Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", 2007,
    https://doi.org/10.1109/TEVC.2007.892759. Different here: the ideal point is 0, the ray is 1/p, and a
    factor √K makes the weights of equal losses 1.
    """

    multiplies_preference = False

    def __init__(self, theta: float = 5.0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, theta=theta)
        self.theta = theta

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        zeros_K = xp.zeros_like(losses_K)
        ray_K = xp.where(active_K, 1.0 / self._preference_K(xp, losses_K, active_K), zeros_K)
        length = xp.sqrt(xp.sum(ray_K**2))
        ray_K = ray_K / xp.where(length > 0, length, xp.ones_like(length))
        seen_K = xp.where(active_K, losses_K, zeros_K)
        # in units of the largest loss, so that no square vanishes or overflows
        largest = xp.max(xp.abs(seen_K))
        unit_K = seen_K / xp.where(largest > 0, largest, xp.ones_like(largest))
        offset_K = unit_K - masked_sum(xp, ray_K * unit_K, active_K) * ray_K
        distance = xp.sqrt(masked_sum(xp, offset_K**2, active_K))
        # on the ray, but for rounding, no direction leads away from it
        away = distance > 8 * xp.finfo(losses_K.dtype).eps
        offset_K = xp.where(away, offset_K / xp.where(away, distance, xp.ones_like(distance)), zeros_K)
        return xp.sqrt(count(xp, active_K, losses_K.dtype)) * (ray_K + self.theta * offset_K)
