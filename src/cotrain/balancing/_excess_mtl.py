"""Weights from excess risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_softmax, masked_sum
from cotrain.balancing._jacobian_rule import JacobianRule


class ExcessMTL(JacobianRule):
    """More weight for tasks that are far from their optimum, which noise in the labels does not fake.

    The excess risk is estimated by a diagonal quadratic model, eₖ = Σ gₖ²/√(Σₜ gₖ(t)²), and the weights take
    exponentiated steps w ← w·exp(η eₖ/eₖ(0)), brought back to sum 1; d = Jᵀw. Cost: the Jacobian, and a K×P
    state. Needs: `JACOBIAN`. The weights of the last step are in `state["weights"]`.

    It fails, for memory, on large models. Weights only ever move towards the tasks of larger relative
    excess; with a large η one task takes all. A task of noise keeps the largest excess: beside one in a
    tenfold unit it lost to the plain sum (.438 against .371, 10 seeds, `benchmarks/toys_quality.py`).

    A preference is the weights' starting point and multiplies the step's weights.

    Args:
        robustness: η ≥ 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if η is negative.

    Example:
        >>> import numpy as np
        >>> ExcessMTL().combine(np.array([[2.0, 0.0], [0.0, 1.0]]), np.ones(2)).tolist()
        [1.0, 0.5]

    Source: He et al., "Robust Multi-Task Learning with Excess Risks", 2024,
    https://arxiv.org/abs/2402.02009. Different here: the first step divides by its own excess too (the
    authors' code uses it raw there), and the weights move in the logarithm, where they cannot overflow.
    """

    def __init__(self, robustness: float = 0.01, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, robustness=robustness)
        self.robustness = robustness

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        largest_KP = self._recall(xp, "root_sums", jacobian_KP, 0.0)
        # √(a² + b²) without squaring numbers that may be very small or large
        root_KP = _hypot(xp, largest_KP, jacobian_KP)
        self.state["root_sums"] = xp.where(active_K[:, None], root_KP, largest_KP)
        safe_KP = xp.where(root_KP > 0, root_KP, xp.ones_like(root_KP))
        excess_K = xp.sum(xp.abs(jacobian_KP) * (xp.abs(jacobian_KP) / safe_KP), axis=1)
        first_K = self._recall(xp, "first_excess", losses_K, 0.0)
        first_K = xp.where(active_K & (first_K == 0), excess_K, first_K)
        self.state["first_excess"] = first_K
        relative_K = xp.where(first_K > 0, excess_K / xp.where(first_K > 0, first_K, 1.0), 0.0)
        log_K = self._recall(xp, "log_weights", losses_K, 0.0)
        moved_K = log_K + self.robustness * relative_K
        # among the active tasks the sum of the weights is kept, so that absent ones keep their share
        shift = _log_sum(xp, moved_K, active_K) - _log_sum(xp, log_K, active_K)
        log_K = xp.where(active_K, moved_K - shift, log_K)
        self.state["log_weights"] = log_K
        weights_K = masked_softmax(xp, log_K, active_K) * self._preference_K(xp, losses_K, active_K)
        total = masked_sum(xp, weights_K, active_K)
        weights_K = weights_K / xp.where(total > 0, total, xp.ones_like(total))
        last_K = self._recall(xp, "weights", losses_K, 0.0)
        self.state["weights"] = xp.where(active_K, weights_K, last_K)
        return xp.sum(weights_K[:, None] * jacobian_KP, axis=0)


def _hypot(xp: Any, a_KP: Array, b_KP: Array) -> Array:
    large_KP = xp.maximum(xp.abs(a_KP), xp.abs(b_KP))
    safe_KP = xp.where(large_KP > 0, large_KP, xp.ones_like(large_KP))
    return large_KP * xp.sqrt((a_KP / safe_KP) ** 2 + (b_KP / safe_KP) ** 2)


def _log_sum(xp: Any, logits_K: Array, active_K: Array) -> Array:
    largest = xp.max(logits_K)
    total = masked_sum(xp, xp.exp(logits_K - largest), active_K)
    return largest + xp.log(xp.where(total > 0, total, xp.ones_like(total)))
