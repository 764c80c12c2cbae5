"""Unconflicting projection of gradients."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import dual_cone_weights


class UPGrad(GramianRule):
    """Each gradient projected onto the directions that harm no task, then the mean.

    w = (1/K) Σₖ argmin vᵀGv over v ≥ eₖ: Jᵀv is the projection of gₖ onto {d : ⟨gⱼ, d⟩ ≥ 0 for all j}, so
    the sum conflicts with no task, and every task pulls in proportion to its gradient. Cost: the Gramian,
    and K problems of size K, solved exactly and all at once by pivoting. Needs: `GRAMIAN`.

    It fails to make progress where gradients are opposite or nearly so (the cone becomes thin), and a task
    of much longer gradients still weighs most.

    A preference p weights the tasks' projections: v ≥ pₖeₖ (p with mean 1).

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> UPGrad().weights(np.ones(2), np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
        [0.625, 1.0]

    Source: Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024,
    https://arxiv.org/abs/2406.16232. Different here: no regularisation term, so no task is harmed beyond
    rounding, and no threshold below which gradients count as zero.
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        n_tasks = losses_A.size
        if n_tasks == 2:  # at most one of two entries has to rise: see `dual_cone_weights`
            (first, cross), (_, second) = gramian_AA.tolist()
            p, q = preference_A.tolist()
            rise = max(-cross, 0.0)
            return np.array([(p + rise / first * q) / 2, (q + rise / second * p) / 2])
        return np.add.reduce(dual_cone_weights(gramian_AA, np.diag(preference_A)), axis=0) / n_tasks
