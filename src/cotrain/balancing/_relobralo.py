"""Relative loss balancing with random lookback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number, numpy_generator
from cotrain.balancing._arrays import Array, count, masked_softmax
from cotrain.balancing._loss_rule import LossRule


class ReLoBRaLo(LossRule):
    """More weight for losses that fell little, since the last step or, now and then, since the first.

    With λ(t, s) = K·softmax(L(t) / (T·L(s))) the weights are
    w(t) = α(ρ·w(t−1) + (1−ρ)·λ(t, 0)) + (1−α)·λ(t, t−1), where ρ ∈ {0, 1} is drawn anew at every step and is
    1 with probability `lookback`: a 0 forgets the past weights and looks back to the first losses. Made for
    physics-informed networks, whose terms differ in unit. Cost: one random number on the host. Needs:
    `LOSSES`.

    It fails, as every ratio does, for a loss that starts near 0. Negative losses are counted from a running
    lower bound.

    A preference multiplies the weights.

    Args:
        temperature: T > 0; weights are more equal for a larger one.
        alpha: α in [0, 1], the share of the past.
        lookback: expectation of ρ in [0, 1].
        seed: names the random stream; the draw is a pure function of (seed, step).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = ReLoBRaLo(alpha=0.0)
        >>> balancer.weights(np.array([1.0, 10.0])).tolist()
        [1.0, 1.0]
        >>> balancer.weights(np.array([0.5, 10.0])).round(3).tolist()  # the second one did not fall
        [0.755, 1.245]

    Source: Bischof and Kraus, "Multi-Objective Loss Balancing for Physics-Informed Deep Learning", 2021,
    https://arxiv.org/abs/2110.09813. Different here: the default T is 1 (the authors tune it per equation),
    and at a task's first step, which has no past, λ = 1.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        alpha: float = 0.999,
        lookback: float = 0.999,
        seed: int = 0,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, temperature=temperature)
        check_number(self, 0.0, 1.0, alpha=alpha)
        check_number(self, 0.0, 1.0, lookback=lookback)
        self.temperature = temperature
        self.alpha = alpha
        self.lookback = lookback
        self.seed = seed
        self.state["step"] = 0

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        keeps = float(numpy_generator(self.seed, "relobralo", self.state["step"]).random() < self.lookback)
        self.state["step"] += 1
        positive_K = self._positive_losses(xp, losses_K, active_K)
        first_K = self._recall(xp, "first", losses_K, 0.0)
        first_K = self._keep(xp, "first", positive_K, first_K, active_K & (first_K == 0))
        last_K = self._recall(xp, "last", losses_K, 0.0)
        weights_K = self._recall(xp, "weights", losses_K, 1.0)
        since_first_K = self._relative(xp, positive_K, first_K, active_K)
        past_K = keeps * weights_K + (1.0 - keeps) * since_first_K
        moved_K = self.alpha * past_K + (1.0 - self.alpha) * self._relative(xp, positive_K, last_K, active_K)
        self._keep(xp, "last", positive_K, last_K, active_K)
        return self._keep(xp, "weights", moved_K, weights_K, active_K)

    def _relative(self, xp: Any, losses_K: Array, reference_K: Array, active_K: Array) -> Array:
        """Return K·softmax(L / (T·reference)), K the number of active tasks."""
        safe_K = xp.where(reference_K > 0, reference_K, losses_K)
        n_active = count(xp, active_K, losses_K.dtype)
        return n_active * masked_softmax(xp, losses_K / (self.temperature * safe_K), active_K)
