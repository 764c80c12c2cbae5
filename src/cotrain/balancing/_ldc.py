"""Loss discrepancy control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._adam import adam_step
from cotrain.balancing._arrays import Array, masked_sum
from cotrain.balancing._loss_rule import LossRule


class LDC(LossRule):
    """Weights learned so that neighbouring weighted losses come close to one another.

    With σ = sigmoid(ω) the objective is Σ σₖLₖ / Σ σ + λ Σₖ |σₖLₖ − σₖ₊₁Lₖ₊₁|, where the Σ σ below the line
    is a constant. Its gradient by the model gives the weights
    wₖ = σₖ(1/Σσ + λ(sign(σₖLₖ − σₖ₊₁Lₖ₊₁) − sign(σₖ₋₁Lₖ₋₁ − σₖLₖ))), its gradient by ω an Adam step. Cost:
    nothing beyond the one backward pass. Needs: `LOSSES`.

    It fails for losses of different units, whose weighted values it makes meet, and depends on the order
    of the tasks (neighbours are compared). A weight may become negative when λ exceeds about 1/(2K): such
    a loss is pushed up towards its neighbours.

    A preference multiplies the weights.

    Args:
        penalty: λ ≥ 0.
        learning_rate: of Adam on ω, > 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> LDC(penalty=0.0).weights(np.array([1.0, 4.0])).tolist()
        [0.5, 0.5]

    Source: Xiao et al., "LDC-MTL: Balancing Multi-Task Learning through Scalable Loss Discrepancy
    Control", 2025, https://arxiv.org/abs/2502.08585. Different here: absent tasks are skipped, so the
    neighbours of a step are the labelled tasks in their order.
    """

    def __init__(
        self,
        penalty: float = 0.01,
        learning_rate: float = 0.001,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, penalty=penalty)
        check_number(self, 0.0, open_low=True, learning_rate=learning_rate)
        self.penalty = penalty
        self.learning_rate = learning_rate

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        logits_K = self._recall(xp, "logits", losses_K, 0.0)
        sigma_K = 1.0 / (1.0 + xp.exp(-logits_K))
        total = masked_sum(xp, sigma_K, active_K)
        slope_K = 1.0 / xp.where(total > 0, total, xp.ones_like(total))
        slope_K = slope_K + self.penalty * self._signs(xp, sigma_K * losses_K, active_K)
        gradient_K = sigma_K * (1.0 - sigma_K) * losses_K * slope_K
        names = ("first_moment", "second_moment", "n_updates")
        first_K, second_K, steps_K = (self._recall(xp, name, losses_K, 0.0) for name in names)
        change_K, after = adam_step(xp, gradient_K, (first_K, second_K, steps_K), self.learning_rate)
        self._keep(xp, "logits", logits_K + change_K, logits_K, active_K)
        for name, new_K, old_K in zip(names, after, (first_K, second_K, steps_K), strict=True):
            self._keep(xp, name, new_K, old_K, active_K)
        return sigma_K * slope_K

    def _signs(self, xp: Any, weighted_K: Array, active_K: Array) -> Array:
        """Return the derivative of Σ |aₖ − aₖ₊₁| over neighbouring active tasks."""
        n_tasks = weighted_K.shape[0]
        places_K = xp.arange(n_tasks, device=weighted_K.device)
        # active tasks first, each kind in its own order: then neighbours stand side by side
        order_K = xp.argsort(xp.where(active_K, places_K, places_K + n_tasks))
        sorted_K = xp.take(weighted_K, order_K)
        both_N = xp.take(active_K, order_K)[1:]
        sign_N = xp.sign(sorted_K[:-1] - sorted_K[1:])
        sign_N = xp.where(both_N, sign_N, xp.zeros_like(sign_N))
        zero_1 = xp.zeros_like(weighted_K)[:1]
        sorted_signs_K = xp.concat([sign_N, zero_1]) - xp.concat([zero_1, sign_N])
        return xp.take(sorted_signs_K, xp.argsort(order_K))
