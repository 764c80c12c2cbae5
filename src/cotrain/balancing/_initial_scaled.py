"""Losses divided by their own first values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._loss_rule import LossRule


class InitialScaled(LossRule):
    """Each loss divided by its value at the start: wₖ = 1 / |Lₖ(0)|.

    Lₖ(0) is the mean over the first `steps` batches in which the task is labelled. Cost: nothing beyond
    the one backward pass. Needs: `LOSSES`.

    It fails when the first losses say little, for example after a bad initialisation, or with a
    pretrained part; `ReferenceScaled` depends on the data alone. A first loss of 0 weighs 1.

    A preference multiplies the weights.

    Args:
        steps: number of batches that the first value is averaged over, at least 1.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if `steps` is below 1.

    Example:
        >>> import numpy as np
        >>> balancer = InitialScaled()
        >>> balancer.weights(np.array([0.5, 20.0])).tolist()
        [2.0, 0.05]
        >>> balancer.weights(np.array([0.1, 10.0])).tolist()
        [2.0, 0.05]

    Source: common practice; a variant of it is the reference of Chen et al., "GradNorm", 2018,
    https://arxiv.org/abs/1711.02257.
    """

    def __init__(self, steps: int = 1, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 1, steps=steps)
        self.steps = steps

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        seen_K = self._recall(xp, "seen", losses_K, 0.0)
        mean_K = self._recall(xp, "mean", losses_K, 0.0)
        open_K = active_K & (seen_K < self.steps)
        seen_K = self._keep(xp, "seen", seen_K + 1, seen_K, open_K)
        safe_seen_K = xp.maximum(seen_K, xp.ones_like(seen_K))
        mean_K = self._keep(xp, "mean", mean_K + (losses_K - mean_K) / safe_seen_K, mean_K, open_K)
        size_K = xp.abs(mean_K)
        return 1.0 / xp.where(size_K > 0, size_K, xp.ones_like(size_K))
