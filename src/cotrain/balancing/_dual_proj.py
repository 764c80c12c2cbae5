"""The mean gradient projected onto the dual cone."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import dual_cone_weights


class DualProj(GramianRule):
    """The direction nearest to the mean gradient that harms no task: w = argmin wᵀGw over w ≥ 1/K.

    Jᵀw is the projection of Σ gₖ/K onto {d : ⟨gₖ, d⟩ ≥ 0 for all k}, the rule of gradient episodic memory
    with every task in the role of a memory. Without conflict it is the mean. Cost: the Gramian, and one
    K×K problem, solved exactly by pivoting. Needs: `GRAMIAN`.

    It fails to protect small tasks from large ones beyond that: units decide the mean that is projected
    (`UPGrad` projects task by task).

    A preference p sets the vector that is projected: Σ pₖgₖ/K (p with mean 1).

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> DualProj().weights(np.ones(2), np.array([[4.0, -1.0], [-1.0, 0.5]])).tolist()
        [0.5, 1.0]

    Source: Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", 2017,
    https://arxiv.org/abs/1706.08840; Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization",
    2024, https://arxiv.org/abs/2406.16232. Different here: no regularisation term, so no task is harmed
    beyond rounding.
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        return dual_cone_weights(gramian_AA, (preference_A / losses_A.size)[None, :])[0]
