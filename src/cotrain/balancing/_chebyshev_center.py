"""The Chebyshev centre of the dual cone."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import least_norm_weights


class ChebyshevCenter(GramianRule):
    """The unit direction deepest inside of the dual cone: argmax over ‖u‖ ≤ 1 of minₖ ⟨gₖ, u⟩/‖gₖ‖.

    The dual cone holds the directions that harm no task, and ⟨gₖ, u⟩/‖gₖ‖ is the distance of u from its facet
    of task k. The dual problem is the shortest vector Σ λₖgₖ/‖gₖ‖ of the convex hull of the unit gradients;
    the direction is that of `MGDA(normalization="l2")` and does not depend on the units of the losses. The
    length of that vector is the depth, and the update is as long as depth times mean gradient norm n̄:
    wₖ = n̄·λₖ/‖gₖ‖. Cost: the Gramian, and one K×K problem. Needs: `GRAMIAN`.

    It fails to move at Pareto-stationary points, where the cone has no inside, also if some task could still
    gain alone.

    A preference p makes the distances count divided by pₖ: the favoured task's facet is kept farther away.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> ChebyshevCenter().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(4).tolist()
        [0.375, 0.75]

    Source: Yoon et al., "Chebyshev Center-Based Direction Selection for Multi-Objective Optimization and
    Training PINNs", 2026, https://arxiv.org/abs/2605.09975. Different here: the paper chooses a direction of
    length one; ours shrinks with the gradients and towards Pareto-stationary points.
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        norms_A = np.sqrt(gramian_AA.diagonal())
        scales_A = norms_A * preference_A
        shares_A = least_norm_weights(gramian_AA / (scales_A[:, None] * scales_A))
        return shares_A * (float(norms_A.mean()) / scales_A)
