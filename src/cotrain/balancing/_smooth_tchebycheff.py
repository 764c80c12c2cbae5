"""Smooth Tchebycheff scalarisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class SmoothTchebycheff(LossRule):
    """The gradient of a smooth maximum of the relative losses: μ log Σ exp(log(λₖLₖ/nₖ)/μ).

    wₖ = K·softmax(log(λL/n)/μ)ₖ / Lₖ. nₖ, the nadir, is the mean loss over the first `warmup` batches
    of the task; until it is known wₖ = λₖ/Lₖ, as for `LogLoss`. Unlike a weighted sum, the minima reach
    all of a non-convex Pareto front as λ varies. Cost: nothing beyond the one backward pass. Needs:
    `LOSSES`.

    It fails for a small μ and noisy losses: whichever task is worst in the batch takes the whole step.
    Negative losses are counted from a running lower bound.

    A preference is λ (with mean 1): it says where on the front to go, namely to Lₖ ∝ nₖ/λₖ.

    Args:
        mu: μ > 0, the smoothing; the paper uses .01, .1, .5 and 1.
        warmup: number of batches that set the nadir, at least 1.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if μ is not positive or `warmup` below 1.

    Example:
        >>> import numpy as np
        >>> balancer = SmoothTchebycheff(mu=1.0, warmup=1)
        >>> balancer.weights(np.array([1.0, 4.0])).tolist()
        [1.0, 0.25]
        >>> balancer.weights(np.array([0.5, 4.0])).round(4).tolist()  # the second one lags behind
        [1.3333, 0.3333]

    Source: Lin et al., "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", 2024,
    https://arxiv.org/abs/2402.19078. Different here: the logarithmic form of the authors' multi-task code,
    with a warm-up in batches instead of one epoch, a factor K, and λ inside of the logarithm (outside of it,
    where log(L/n) is negative, a larger λ would mean less weight).
    """

    multiplies_preference = False

    def __init__(
        self, mu: float = 0.5, warmup: int = 100, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, mu=mu)
        check_number(self, 1, warmup=warmup)
        self.mu = mu
        self.warmup = warmup

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        seen_K = self._recall(xp, "seen", losses_K, 0.0)
        nadir_K = self._recall(xp, "nadir", losses_K, 0.0)
        known_K = seen_K >= self.warmup
        open_K = active_K & ~known_K
        seen_K = self._keep(xp, "seen", seen_K + 1, seen_K, open_K)
        safe_seen_K = xp.maximum(seen_K, xp.ones_like(seen_K))
        nadir_K = self._keep(xp, "nadir", nadir_K + (positive_K - nadir_K) / safe_seen_K, nadir_K, open_K)
        safe_nadir_K = xp.where(known_K, nadir_K, positive_K)
        direction_K = self._preference_K(xp, losses_K, active_K)
        relative_K = xp.log(direction_K * positive_K / safe_nadir_K) / self.mu
        # a task without a nadir counts as one that is where it started
        n_active = count(xp, active_K, losses_K.dtype)
        pull_K = n_active * masked_softmax(xp, relative_K, active_K)
        return xp.where(xp.any(known_K & active_K), pull_K, direction_K) / positive_K
