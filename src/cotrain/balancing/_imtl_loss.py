"""The loss half of impartial multi-task learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._log_scale import log_scale_change
from cotrain.balancing._loss_rule import LossRule


class IMTLLoss(LossRule):
    """Losses brought to one value by a learned scale (IMTL-L): minimise Σ exp(sₖ)Lₖ − sₖ, wₖ = exp(sₖ).

    Its optimum is exp(sₖ)Lₖ = 1 for every task. With s = −log σ² this is `Uncertainty`; both are here
    because both names are in use. Cost: nothing beyond the one backward pass. Needs: `LOSSES`.

    It fails when a loss goes to 0: its weight grows without bound. Negative losses are counted from a
    running lower bound.

    A preference multiplies the weights.

    Args:
        learning_rate: step of s, in (0, 1].
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if the learning rate is not in (0, 1].

    Example:
        >>> import numpy as np
        >>> balancer = IMTLLoss(learning_rate=0.5)
        >>> for _ in range(100):
        ...     weights = balancer.weights(np.array([0.5, 4.0]))
        >>> weights.round(6).tolist()
        [2.0, 0.25]

    Source: Liu et al., "Towards Impartial Multi-task Learning", 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr. Different here: gradient steps of s that cannot overshoot in
    place of the model's optimiser.
    """

    def __init__(self, learning_rate: float = 0.025, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, open_low=True, learning_rate=learning_rate)
        self.learning_rate = learning_rate

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        positive_K = self._positive_losses(xp, losses_K, active_K)
        log_scale_K = self._recall(xp, "log_scale", losses_K, 0.0)
        weights_K = xp.exp(log_scale_K)
        change_K = -log_scale_change(xp, weights_K * positive_K, self.learning_rate)
        self._keep(xp, "log_scale", log_scale_K + change_K, log_scale_K, active_K)
        return weights_K
