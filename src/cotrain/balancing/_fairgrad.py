"""α-fair gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import bargaining_weights


class FairGrad(GramianRule):
    """The α-fair direction: Gw = w^(−1/α), which maximises Σ ⟨gₖ, d⟩^(1−α)/(1−α) over a ball.

    α → 0 is the plain sum, α = 1 is `NashMTL`, α → ∞ maximises the smallest gain, as `MGDA` does. The
    equation has one positive solution, found to machine precision by damped Newton steps. Cost: the
    Gramian, and five to ten K×K linear systems. Needs: `GRAMIAN`.

    The weights of s·G are s^(−α/(1+α)) times those of G, as the equation says, so short gradients give
    larger weights. It fails at Pareto-stationary points, where no solution exists; weights are then
    bounded by solving with a small ridge.

    A preference p weights the tasks' utilities: (Gw)ₖ = (pₖ/wₖ)^(1/α).

    Args:
        alpha: α > 0; the paper uses 1, 2, 5 and 10.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if α is not positive.

    Example:
        >>> import numpy as np
        >>> FairGrad(alpha=1.0).weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(6).tolist()
        [0.5, 1.0]

    Source: Ban and Ji, "Fair Resource Allocation in Multi-Task Learning", 2024,
    https://arxiv.org/abs/2402.15638. Different here: solved exactly instead of by a general least-squares
    routine; the default α is 2, since 1 is `NashMTL`.
    """

    def __init__(self, alpha: float = 2.0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, alpha=alpha)
        self.alpha = alpha

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        return bargaining_weights(gramian_AA, preference_A, exponent=1.0 / self.alpha)

    def _degree(self) -> float:
        return -self.alpha / (1.0 + self.alpha)
