"""Dynamic weight average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class DWA(LossRule):
    """More weight for losses that fall slowly: w = K·softmax(r/T), rₖ = L̄ₖ(e−1) / L̄ₖ(e−2).

    L̄ₖ(e) is the mean loss of epoch e, so the method must hear of epochs: call `end_epoch` (the fit loop
    does). In the first two epochs, and for a task without two epochs, rₖ = 1. Cost: nothing beyond the one
    backward pass. Needs: `LOSSES`.

    It fails to balance units: a ratio of losses says nothing about their size. Negative losses are
    counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        temperature: T > 0; large = equal weights.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if T is not positive.

    Example:
        >>> import numpy as np
        >>> balancer = DWA()
        >>> for losses in ([4.0, 4.0], [1.0, 3.0]):
        ...     _ = balancer.weights(np.array(losses))
        ...     balancer.end_epoch()
        >>> balancer.weights(np.array([1.0, 3.0])).round(3).tolist()
        [0.876, 1.124]

    Source: Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", 2019,
    https://arxiv.org/abs/1803.10704. Nothing differs.
    """

    def __init__(self, temperature: float = 2.0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, temperature=temperature)
        self.temperature = temperature

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        total_K = self._recall(xp, "total", losses_K, 0.0)
        seen_K = self._recall(xp, "seen", losses_K, 0.0)
        self._keep(xp, "total", total_K + positive_K, total_K, active_K)
        self._keep(xp, "seen", seen_K + 1, seen_K, active_K)
        last_K = self._recall(xp, "last_mean", losses_K, float("nan"))
        before_K = self._recall(xp, "mean_before", losses_K, float("nan"))
        ratio_K = last_K / before_K
        ratio_K = xp.where(xp.isfinite(ratio_K), ratio_K, xp.ones_like(ratio_K))
        n_active = count(xp, active_K, losses_K.dtype)
        return n_active * masked_softmax(xp, ratio_K / self.temperature, active_K)

    def end_epoch(self) -> None:
        """Turn the sums of the epoch that ends into its mean losses."""
        if "total" not in self.state:
            return
        total_K, seen_K = self.state["total"], self.state["seen"]
        xp = array_namespace(total_K)
        labelled_K = seen_K > 0
        last_K = self._recall(xp, "last_mean", total_K, float("nan"))
        before_K = self._recall(xp, "mean_before", total_K, float("nan"))
        mean_K = total_K / xp.maximum(seen_K, xp.ones_like(seen_K))
        self._keep(xp, "mean_before", last_K, before_K, labelled_K)
        self._keep(xp, "last_mean", mean_K, last_K, labelled_K)
        self.state["total"] = xp.zeros_like(total_K)
        self.state["seen"] = xp.zeros_like(seen_K)
