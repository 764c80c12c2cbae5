"""Conflict-averse gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import conflict_averse_weights


class CAGrad(GramianRule):
    """The direction near the mean gradient whose worst task gains most.

    d = argmax min_k ⟨gₖ, d⟩ within ‖d − g₀‖ ≤ c‖g₀‖, with g₀ = Σ gₖ/K; its weights are
    w = 1/K + c‖g₀‖ u/‖Jᵀu‖ with u on the simplex. c = 0 is the mean, a large c approaches `MGDA`. Solved
    exactly by a search over the worst task's gain. Cost: the Gramian, and a few K×K problems. Needs:
    `GRAMIAN`.

    It fails to help where g₀ is dominated by one task's units: the ball is centred there.

    A preference p makes the centre the weighted mean g₀ = Σ pₖgₖ/K (p with mean 1).

    Args:
        c: radius of the ball relative to ‖g₀‖, at least 0; below 1 it still converges to a minimum of the
            mean loss. .5 as in LibMTL; the paper has .4 and .2.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if c is negative.

    Example:
        >>> import numpy as np
        >>> CAGrad(c=0.0).weights(np.ones(2), np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
        [0.5, 0.5]

    Source: Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", 2021,
    https://arxiv.org/abs/2110.14048. Different here: solved exactly and on a normalised Gramian (a general
    solver on raw numbers is wrong for gradients shorter than .01 or longer than 1,000).
    """

    def __init__(self, c: float = 0.5, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, c=c)
        self.c = c

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        centre_A = preference_A / losses_A.size
        radius = self.c * float(np.sqrt(max(centre_A @ gramian_AA @ centre_A, 0.0)))
        if radius <= 1e-7 * self.c:  # no ball to search: the mean gradient is 0 but for rounding, or c is
            return centre_A
        return centre_A + conflict_averse_weights(gramian_AA, centre_A, radius)
