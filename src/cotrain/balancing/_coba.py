"""Convergence balancer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class CoBa(LossRule):
    """Weights from the slopes of the validation losses: slow tasks gain, diverging tasks lose.

    After each validation the slope αₖ of the last `window` losses (relative to the first) is fitted by
    least squares. The relative score RCS = softmax(K·α/Σ|α|) favours tasks that converge slowly; the
    absolute score ACS = softmax(−N·αₖ/Σ|αₖ over the window|) favours those that converge faster than they
    used to; the divergence factor DF = min(1, n·softmax(−τ·n·α_max/Σ|α_max|) at the last of n points) goes
    to 0 when the worst task turns to diverge. w = K·softmax(K(DF·RCS + (1−DF)·ACS)), at least 1/10 each.
    Cost: validation losses now and then. Needs: `LOSSES`, and `observe_validation` (the fit loop calls it);
    before `warmup` validations weights are equal.

    It fails with few validations: slopes of noise are noise.

    A preference multiplies the weights.

    Args:
        window: N, number of validations that slopes are taken over, at least 2.
        warmup: number of validations with equal weights, at least 2.
        temperature: τ > 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = CoBa(window=4, warmup=3)
        >>> for losses in ([1.0, 1.0], [0.5, 0.9], [0.2, 0.8]):
        ...     balancer.observe_validation(np.array(losses))
        >>> weights = balancer.weights(np.array([0.2, 0.8]))
        >>> bool(weights[1] > weights[0])
        True

    Source: Gong et al., "CoBa: Convergence Balancer for Multitask Finetuning of Large Language Models",
    2024, https://arxiv.org/abs/2410.06741. Different here: counted in validations, not in steps; weights
    have mean 1.
    """

    observes_validation = True

    def __init__(
        self,
        window: int = 20,
        warmup: int = 5,
        temperature: float = 5.0,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 2, window=window)
        check_number(self, 2, warmup=warmup)
        check_number(self, 0.0, open_low=True, temperature=temperature)
        self.window = window
        self.warmup = warmup
        self.temperature = temperature
        self.state["validations"] = []
        self.state["slopes"] = []
        self.state["n_validations"] = 0

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        ones_K = xp.ones_like(losses_K)
        if self.state["n_validations"] < self.warmup:
            return ones_K
        slopes_NK = xp.stack(
            [xp.asarray(row, dtype=losses_K.dtype, device=losses_K.device) for row in self.state["slopes"]]
        )
        n_points, now_K = slopes_NK.shape[0], slopes_NK[-1, :]
        n_active = count(xp, active_K, losses_K.dtype)
        seen_NK = xp.where(active_K[None, :], slopes_NK, xp.zeros_like(slopes_NK))
        relative_K = masked_softmax(
            xp, n_active * now_K / _nonzero(xp, xp.sum(xp.abs(seen_NK[-1, :]))), active_K
        )
        history_K = _nonzero(xp, xp.sum(xp.abs(slopes_NK), axis=0))
        absolute_K = masked_softmax(xp, -n_points * now_K / history_K, active_K)
        worst_N = xp.max(xp.where(active_K[None, :], slopes_NK, xp.min(slopes_NK)), axis=1)
        scores_N = -self.temperature * n_points * worst_N / _nonzero(xp, xp.sum(xp.abs(worst_N)))
        last = masked_softmax(xp, scores_N, xp.ones_like(scores_N) > 0)[-1]
        factor = xp.minimum(n_points * last, xp.ones_like(last))
        mixed_K = n_active * (factor * relative_K + (1 - factor) * absolute_K)
        weights_K = n_active * masked_softmax(xp, mixed_K, active_K)
        return xp.maximum(weights_K, 0.1 * ones_K)

    def observe_validation(self, losses: Array) -> None:
        """Add the K validation losses to the history and fit the slopes; a non-finite loss repeats."""
        xp = array_namespace(losses)
        losses_K, finite_K = self._prepared(xp, losses, None)
        first_K = self._recall(xp, "first", losses_K, float("nan"))
        first_K = self._keep(xp, "first", losses_K, first_K, finite_K & ~xp.isfinite(first_K))
        known_K = xp.isfinite(first_K) & (xp.abs(first_K) > 0)
        size_K = xp.where(known_K, xp.abs(first_K), xp.ones_like(first_K))
        history = self.state["validations"]
        last_K = xp.asarray(history[-1], dtype=losses_K.dtype) if history else xp.ones_like(losses_K)
        history.append(xp.where(finite_K, losses_K / size_K, last_K))
        del history[: -self.window]
        self.state["n_validations"] += 1
        if len(history) < 2:
            return
        middle = (len(history) - 1) / 2
        spread = sum((place - middle) ** 2 for place in range(len(history)))
        slope_K = xp.zeros_like(losses_K)
        for place, row_K in enumerate(history):
            slope_K = slope_K + xp.asarray(row_K, dtype=losses_K.dtype) * ((place - middle) / spread)
        self.state["slopes"].append(slope_K)
        del self.state["slopes"][: -self.window]


def _nonzero(xp: Any, values: Array) -> Array:
    return xp.where(values > 0, values, xp.ones_like(values))
