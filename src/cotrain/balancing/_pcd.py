"""Priority-constrained descent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import shortest_correction

#: A direction shorter than this share of its parts is one that rounding has made.
ZERO_LENGTH = 1e-10


class PCD(GramianRule):
    """The direction nearest to the primary task's gradient that guarantees progress to all others.

    With the normalised gradients g̃ₖ = gₖ/√v̂ₖ, v̂ₖ the running mean of ‖gₖ‖² (bias-corrected as in Adam),

        d̃ = argmin ‖d − g̃₁‖²  such that  ⟨g̃ⱼ, d⟩ ≥ τ‖g̃ⱼ‖² for all secondary tasks j,

    which is g̃₁ + Σ μⱼg̃ⱼ with μ ≥ 0; it gets the length of the primary gradient. If no direction keeps all
    constraints they are dropped and d = g₁. Cost: the Gramian, and one problem of K − 1 numbers. Needs:
    `GRAMIAN`.

    It fails where no task stands above the others, and for a τ near 1 and many secondaries, whose
    constraints then exclude one another. It depends on which task is the primary one.

    A preference p makes the fractions τⱼ = min(1, τ·pⱼ/p₁).

    Args:
        primary: number of the primary task, from 0.
        tau: τ in [0, 1], the fraction of the progress along its own gradient that a secondary task gets.
        beta: decay of the running means, in [0, 1).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> conflict = np.array([[1.0, -0.5], [-0.5, 1.0]])
        >>> PCD(tau=0.0).weights(np.ones(2), conflict).round(4).tolist()
        [1.1547, 0.5774]

    Source: Varam and AlHajri, "Not All Objectives Are Born Equal: Priority-Constrained Descent for
    Hierarchical Multi-Objective Optimization", 2026, https://arxiv.org/abs/2606.29521. Different here: solved
    exactly for any K; no ε beside the running means, so that no unit matters; one clock per task. Where the
    primary task has no label in the batch, or no gradient (the paper stops there), d is the shortest
    direction that keeps the constraints, in units of the primary's running mean length.
    """

    def __init__(
        self,
        primary: int = 0,
        tau: float = 0.02,
        beta: float = 0.999,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0, primary=primary)
        check_number(self, 0.0, 1.0, tau=tau)
        check_number(self, 0.0, 1.0, open_high=True, beta=beta)
        self.primary = primary
        self.tau = tau
        self.beta = beta
        self.state["squared_norms"] = {}

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        means_A = self._means(gramian_AA.diagonal() * self._unit, index_A) / self._unit
        scales_A = 1.0 / np.sqrt(means_A)
        normal_AA = gramian_AA * scales_A[:, None] * scales_A
        is_primary_A = index_A == self.primary
        secondary_S = np.flatnonzero(~is_primary_A)
        weights_A = is_primary_A.astype(np.float64)
        own = float(preference_A[is_primary_A].sum()) or 1.0
        tau_S = np.minimum(self.tau * preference_A[secondary_S] / own, 1.0)
        if secondary_S.size:
            wanted_S = tau_S * normal_AA.diagonal()[secondary_S] - normal_AA[secondary_S] @ weights_A
            weights_A[secondary_S] = shortest_correction(
                normal_AA[secondary_S[:, None], secondary_S], wanted_S
            )
        length = float(np.sqrt(max(weights_A @ normal_AA @ weights_A, 0.0)))
        if not is_primary_A.any():
            known = self.state["squared_norms"].get(str(self.primary))
            typical = 1.0 if known is None else np.sqrt(self._unbiased(known) / self._unit)
            return weights_A * scales_A * typical
        if length <= ZERO_LENGTH * float(np.abs(weights_A) @ np.sqrt(normal_AA.diagonal())):
            return np.zeros_like(weights_A)
        return weights_A * scales_A * (float(np.sqrt(gramian_AA.diagonal()[is_primary_A][0])) / length)

    def _means(self, squared_A: np.ndarray, index_A: np.ndarray) -> np.ndarray:
        """Add squared norms to the running means and return these."""
        kept, found = self.state["squared_norms"], []
        for task, squared in zip(index_A, squared_A, strict=True):
            mean, steps = kept.get(str(task), (0.0, 0))
            kept[str(task)] = [float(self.beta * mean + (1.0 - self.beta) * squared), steps + 1]
            found.append(self._unbiased(kept[str(task)]))
        return np.array(found)

    def _unbiased(self, kept: Sequence[float]) -> float:
        mean, steps = kept
        return mean / (1.0 - self.beta**steps)
