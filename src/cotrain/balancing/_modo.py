"""Multi-objective gradient with double sampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._cross_batch_rule import CrossBatchRule
from cotrain.balancing._simplex_state import keep_simplex, recall_simplex
from cotrain.balancing._solvers import project_onto_simplex


class MoDo(CrossBatchRule):
    """The shortest combination of gradients, followed by small unbiased steps: w ← Π_Δ(w − γ(J₁J₂ᵀ + ρI)w).

    J₁ and J₂ come from independent batches, so the step is unbiased, which one batch's JJᵀ is not; Π_Δ is
    the projection onto the simplex. Cost: gradients of two batches more than the one of the update. Needs:
    `CROSS`.

    It fails to follow fast changes: at the default γ weights move over thousands of steps.

    A preference p asks for gains in its proportion, as in `MGDA`: gradients are gₖ/pₖ.

    Args:
        gamma: γ > 0, in units of the normalised cross Gramian.
        rho: ρ ≥ 0, pull towards equal weights.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> MoDo(gamma=0.1).weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(3).tolist()
        [0.474, 0.526]

    Source: Chen et al., "Three-Way Trade-Off in Multi-Objective Learning: Optimization, Generalization and
    Conflict-Avoidance", 2023, https://arxiv.org/abs/2305.20057. Different here: the cross Gramian is divided
    by its Frobenius norm over √K, so γ does not depend on the unit of the gradients.
    """

    def __init__(
        self, gamma: float = 0.001, rho: float = 0.1, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, gamma=gamma)
        check_number(self, 0.0, rho=rho)
        self.gamma = gamma
        self.rho = rho
        self.state["weights"] = {}

    def _solve(self, cross_AA: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray) -> np.ndarray:
        weights_A, total = recall_simplex(self.state["weights"], index_A)
        slope_A = (cross_AA / (preference_A[:, None] * preference_A)) @ weights_A + self.rho * weights_A
        weights_A = project_onto_simplex(weights_A - self.gamma * slope_A)
        keep_simplex(self.state["weights"], index_A, weights_A, total)
        applied_A = weights_A / preference_A
        return applied_A / applied_A.sum()
