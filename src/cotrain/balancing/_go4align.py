"""Group risk minimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain.balancing._arrays import Array, masked_sum
from cotrain.balancing._checks import check_between
from cotrain.balancing._loss_rule import LossRule

LLOYD_ROUNDS = 10


class GO4Align(LossRule):
    """Scale-balanced losses whose weights are shared within groups of tasks that progress alike.

    p ← p·exp(−βL)/Z; risk vₖ = (ΣL / Lₖ)·pₖ; the K risks are clustered into M groups by k-means in one
    dimension, and wₖ is the centre of the task's group. Cost: k-means on K numbers, on the device. Needs:
    `LOSSES`.

    It depends, through exp(−βL), on the units of the losses, little at the default β; it fails for large
    losses at a large β, where one task takes all. With M ≥ K every
    task is a group of its own. Negative losses are counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        groups: M ≥ 1.
        beta: β ≥ 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> GO4Align(groups=2).weights(np.array([1.0, 1.0, 4.0])).round(2).tolist()
        [2.0, 2.0, 0.5]

    Source: Shen et al., "GO4Align: Group Optimization for Multi-Task Alignment", 2024,
    https://arxiv.org/abs/2404.06486. Different here: k-means starts from evenly spaced ranks instead of at
    random, so a run can be repeated and the order of the tasks does not matter.
    """

    def __init__(
        self, groups: int = 2, beta: float = 1e-4, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_between(self, "groups", groups, 1)
        check_between(self, "beta", beta, 0.0)
        self.groups = groups
        self.beta = beta

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        old_K = self._recall(xp, "shares", losses_K, 1.0)
        # shares have mean 1 over all tasks; among the active ones their sum is kept
        raised_K = old_K * xp.exp(-self.beta * positive_K)
        total = masked_sum(xp, raised_K, active_K)
        factor = masked_sum(xp, old_K, active_K) / xp.where(total > 0, total, xp.ones_like(total))
        shares_K = self._keep(xp, "shares", raised_K * factor, old_K, active_K)
        sum_of_shares = masked_sum(xp, shares_K, active_K)
        safe_sum = xp.where(sum_of_shares > 0, sum_of_shares, xp.ones_like(sum_of_shares))
        risks_K = masked_sum(xp, positive_K, active_K) / positive_K * (shares_K / safe_sum)
        return self._centres(xp, risks_K, active_K)

    def _centres(self, xp: Any, risks_K: Array, active_K: Array) -> Array:
        """Replace each risk by the mean of its group."""
        n_groups = min(self.groups, risks_K.shape[0])
        if n_groups == risks_K.shape[0]:
            return risks_K
        lowest = xp.min(xp.where(active_K, risks_K, xp.max(risks_K)))
        highest = xp.max(xp.where(active_K, risks_K, xp.min(risks_K)))
        # evenly spaced between the extremes, which need no host and no order of the tasks
        steps = [(group + 0.5) / n_groups for group in range(n_groups)]
        centres_M = lowest + (highest - lowest) * self._constant(xp, steps, risks_K)
        nearest_KM = xp.zeros((risks_K.shape[0], n_groups), dtype=risks_K.dtype, device=risks_K.device)
        for _ in range(LLOYD_ROUNDS):
            distance_KM = xp.abs(risks_K[:, None] - centres_M[None, :])
            is_nearest_KM = distance_KM == xp.min(distance_KM, axis=1, keepdims=True)
            nearest_KM = xp.astype(is_nearest_KM & active_K[:, None], risks_K.dtype)
            nearest_KM = nearest_KM / xp.maximum(
                xp.sum(nearest_KM, axis=1, keepdims=True), xp.ones_like(risks_K)[:, None]
            )
            size_M = xp.sum(nearest_KM, axis=0)
            sum_M = xp.sum(nearest_KM * risks_K[:, None], axis=0)
            centres_M = xp.where(size_M > 0, sum_M / xp.where(size_M > 0, size_M, 1.0), centres_M)
        return xp.sum(nearest_KM * centres_M[None, :], axis=1)
