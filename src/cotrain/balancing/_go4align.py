"""Group risk minimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_max, masked_mean
from cotrain.balancing._loss_rule import LossRule

LLOYD_ROUNDS = 10


class GO4Align(LossRule):
    """Scale-balanced losses whose weights are shared within groups of tasks that progress alike.

    With x = L/L(0), the losses relative to their first values: p ← p·exp(−βx)/Z; risk vₖ = (Σx / xₖ)·pₖ; the
    K risks are clustered into M groups by k-means in one dimension, and wₖ is the centre of the task's group,
    divided by Lₖ(0). Cost: k-means on K numbers, on the device. Needs: `LOSSES`.

    It fails where the first loss of a task says nothing about its size, as `InitialScaled` does. With M ≥ K
    every task is a group of its own. Negative losses are counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        groups: M ≥ 1.
        beta: β ≥ 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = GO4Align(groups=2, beta=0.0)
        >>> balancer.weights(np.array([1.0, 2.0, 4.0])).tolist()
        [1.0, 0.5, 0.25]
        >>> balancer.weights(np.array([0.5, 1.0, 4.0])).round(2).tolist()  # the first two fell alike
        [1.33, 0.67, 0.17]

    Source: Shen et al., "GO4Align: Group Optimization for Multi-Task Alignment", 2024,
    https://arxiv.org/abs/2404.06486. Different here: the paper takes L where we take L/L(0), so that there
    a loss in a unit 1e12 times smaller drives all p to 0 and decides the groups; and k-means starts from
    evenly spaced centres instead of at random, so a run can be repeated in any order of the tasks.
    """

    def __init__(
        self, groups: int = 2, beta: float = 1e-4, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 1, groups=groups)
        check_number(self, 0.0, beta=beta)
        self.groups = groups
        self.beta = beta

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        first_K = self._recall(xp, "first", losses_K, 0.0)
        first_K = self._keep(xp, "first", positive_K, first_K, active_K & (first_K == 0))
        first_K = xp.where(first_K > 0, first_K, xp.ones_like(first_K))
        relative_K = positive_K / first_K
        old_K = self._recall(xp, "log_shares", losses_K, 0.0)
        # in the logarithm, where nothing vanishes; among the active tasks the sum of the shares is kept
        moved_K = old_K - self.beta * relative_K
        log_mean = _log_mean(xp, moved_K, active_K)
        self._keep(xp, "log_shares", moved_K + _log_mean(xp, old_K, active_K) - log_mean, old_K, active_K)
        shares_K = xp.exp(xp.where(active_K, moved_K - log_mean, xp.zeros_like(moved_K)))
        risks_K = masked_mean(xp, relative_K, active_K) / relative_K * shares_K
        return self._centres(xp, risks_K, active_K) / first_K

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


def _log_mean(xp: Any, values_K: Array, mask_K: Array) -> Array:
    """Return the logarithm of the mean of exp(values) where the mask is true."""
    largest = masked_max(xp, values_K, mask_K)
    mean = masked_mean(xp, xp.exp(xp.where(mask_K, values_K - largest, xp.zeros_like(values_K))), mask_K)
    return largest + xp.log(xp.where(mean > 0, mean, xp.ones_like(mean)))
