"""The trimmed mean, of the field of robust aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._jacobian_rule import JacobianRule


class TrimmedMean(JacobianRule):
    """For every parameter the mean of the K partial derivatives without the b largest and b smallest.

    So up to b gradients that follow no sense cannot turn the update far. With b = (K − 1)/2 it is the
    median. Where fewer than 2b + 1 tasks are in the batch as many are trimmed as leave one or two. Cost: the
    Jacobian, and one sort of K·P numbers. Needs: `JACOBIAN`.

    It fails, as a method for tasks, where a parameter matters to one task alone: its derivative is always
    the largest or the smallest, and is never used.

    A preference multiplies the gradients before they are sorted.

    Args:
        trim: b ≥ 0; with 0 it is the mean.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if b is negative.

    Example:
        >>> import numpy as np
        >>> jacobian = np.array([[1.0, 0.0], [2.0, 1.0], [90.0, -50.0]])
        >>> TrimmedMean(trim=1).combine(jacobian, np.ones(3)).tolist()
        [2.0, 0.0]

    Source: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", 2018,
    https://arxiv.org/abs/1803.01498. Different here: b is a number of tasks, not a share; absent tasks are
    left out before the trimming.
    """

    def __init__(self, trim: int = 1, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0, trim=trim)
        self.trim = trim

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        pulls_KP = jacobian_KP * self._preference_K(xp, losses_K, active_K)[:, None]
        # absent tasks sort last: the first n places hold the n active ones
        beyond = xp.max(xp.abs(pulls_KP)) + 1.0
        sorted_KP = xp.sort(xp.where(active_K[:, None], pulls_KP, beyond * 2.0), axis=0)
        ones_K = xp.ones_like(losses_K)
        places_K = xp.cumulative_sum(ones_K) - 1.0
        n_active = xp.sum(xp.where(active_K, ones_K, xp.zeros_like(ones_K)))
        most = xp.maximum(xp.floor((n_active - 1.0) / 2.0), xp.zeros_like(n_active))
        trimmed = xp.minimum(self.trim * xp.ones_like(n_active), most)
        kept_K = (places_K >= trimmed) & (places_K < n_active - trimmed)
        n_kept = xp.sum(xp.where(kept_K, ones_K, xp.zeros_like(ones_K)))
        kept_KP = xp.where(kept_K[:, None], sorted_KP, xp.zeros_like(sorted_KP))
        return xp.sum(kept_KP, axis=0) / xp.maximum(n_kept, xp.ones_like(n_kept))
