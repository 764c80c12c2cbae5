"""Homoscedastic uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._log_scale import log_scale_change
from cotrain.balancing._loss_rule import LossRule


class Uncertainty(LossRule):
    """Losses divided by a learned noise variance: minimise Σ exp(−sₖ)Lₖ + sₖ, wₖ = exp(−sₖ).

    sₖ = log σₖ² follows its gradient 1 − exp(−sₖ)Lₖ in closed form, so it needs no place in the model's
    optimiser. Its optimum is wₖ = 1/Lₖ: the direction of `LogLoss`, smoothed over about 1/`learning_rate`
    steps. For a squared error, exp(s/2) estimates the standard deviation of the noise. Cost: nothing
    beyond the one backward pass. Needs: `LOSSES`.

    It fails when a loss goes to 0: its weight grows without bound and the task drowns the others.
    Negative losses are counted from a running lower bound.

    A preference multiplies the weights.

    Args:
        learning_rate: step of s, in (0, 1].
        initial_log_variance: s at the start (LibMTL: −.5).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if the learning rate is not in (0, 1].

    Example:
        >>> import numpy as np
        >>> balancer = Uncertainty(learning_rate=0.5)
        >>> balancer.weights(np.array([0.5, 4.0])).tolist()
        [1.0, 1.0]
        >>> for _ in range(100):
        ...     weights = balancer.weights(np.array([0.5, 4.0]))
        >>> weights.round(6).tolist()
        [2.0, 0.25]

    Source: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", 2018,
    https://arxiv.org/abs/1705.07115. Different here: one form for all kinds of loss (the paper halves the
    regression term), and gradient steps of s that cannot overshoot in place of the model's optimiser.
    """

    def __init__(
        self,
        learning_rate: float = 0.025,
        initial_log_variance: float = 0.0,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, open_low=True, learning_rate=learning_rate)
        self.learning_rate = learning_rate
        self.initial_log_variance = initial_log_variance

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        log_variance_K = self._recall(xp, "log_variance", losses_K, self.initial_log_variance)
        weights_K = xp.exp(-log_variance_K)
        change_K = log_scale_change(xp, weights_K * positive_K, self.learning_rate)
        self._keep(xp, "log_variance", log_variance_K + change_K, log_variance_K, active_K)
        return weights_K
