"""Improvable gap balancing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class IGB(LossRule):
    """The log-losses, weighted by how far each loss still is from where it should end (IGB v1).

    The improvable gap of a task is estimated by Lₖ/Bₖ, with Bₖ its mean loss in the epoch number
    `base_epoch`: the gradient is that of Σ ωₖ log Lₖ with ω = K·softmax(L/B), so wₖ = ωₖ/Lₖ. Until B is known
    ω = 1, as for `LogLoss`. Cost: nothing beyond the one backward pass. Needs: `LOSSES`, and `end_epoch`.

    It fails where no end of an epoch is told: then it stays `LogLoss`; and for a loss that goes to 0, as
    `LogLoss` does. Negative losses are counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        base_epoch: number of the epoch, from 0, whose mean losses are B.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if `base_epoch` is negative.

    Example:
        >>> import numpy as np
        >>> balancer = IGB(base_epoch=0)
        >>> balancer.weights(np.array([1.0, 4.0])).tolist()
        [1.0, 0.25]
        >>> balancer.end_epoch()
        >>> balancer.weights(np.array([0.5, 4.0])).round(3).tolist()  # the second has not improved
        [1.51, 0.311]

    Source: Dai, Fei and Lu, "Improvable Gap Balancing for Multi-Task Learning", 2023,
    https://arxiv.org/abs/2307.15429. Different here: the second algorithm of the paper, which learns ω by
    reinforcement, is not built; a task without a label in the base epoch takes the first epoch that has one.
    """

    def __init__(self, base_epoch: int = 1, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0, base_epoch=base_epoch)
        self.base_epoch = base_epoch
        self.state["epoch"] = 0

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        total_K = self._recall(xp, "total", losses_K, 0.0)
        seen_K = self._recall(xp, "seen", losses_K, 0.0)
        self._keep(xp, "total", total_K + positive_K, total_K, active_K)
        self._keep(xp, "seen", seen_K + 1, seen_K, active_K)
        base_K = self._recall(xp, "base", losses_K, 0.0)
        # a task without a base counts as one that is where it was
        gap_K = xp.where(base_K > 0, positive_K / xp.where(base_K > 0, base_K, 1.0), xp.ones_like(base_K))
        known = xp.any(active_K & (base_K > 0))
        share_K = count(xp, active_K, losses_K.dtype) * masked_softmax(xp, gap_K, active_K)
        return xp.where(known, share_K, xp.ones_like(share_K)) / positive_K

    def end_epoch(self) -> None:
        """Take the mean losses of the base epoch, and forget those of the others."""
        if "total" in self.state:
            total_K, seen_K = self.state["total"], self.state["seen"]
            xp = array_namespace(total_K)
            if self.state["epoch"] >= self.base_epoch:
                base_K = self._recall(xp, "base", total_K, 0.0)
                mean_K = total_K / xp.maximum(seen_K, xp.ones_like(seen_K))
                self._keep(xp, "base", mean_K, base_K, (base_K == 0) & (seen_K > 0))
            self.state["total"] = xp.zeros_like(total_K)
            self.state["seen"] = xp.zeros_like(seen_K)
        self.state["epoch"] += 1
