"""Nash's bargaining solution."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import bargaining_weights


class NashMTL(GramianRule):
    """The bargaining solution of Nash: Gw = 1/w, which maximises Σ log⟨gₖ, d⟩ over ‖d‖ ≤ 1.

    Direction and ratios of the weights do not depend on the units of the losses. It is the minimum of the
    strictly convex ½wᵀGw − Σ log wₖ, found to machine precision by damped Newton steps. Cost: the
    Gramian, and five to ten K×K linear systems. Needs: `GRAMIAN`.

    Scale: from w∘Gw = 1 follows ‖d‖² = K, so the update has the same length however short the gradients
    are; with plain SGD it does not settle by itself (let the learning rate fall, use Adam, or `rescale` in
    `cotrain.Balance`). It fails at Pareto-stationary points, where no solution exists; weights are then
    bounded by solving with a small ridge.

    A preference p gives weighted bargaining: Gw = p/w, which maximises Σ pₖ log⟨gₖ, d⟩.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> NashMTL().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(6).tolist()
        [0.5, 1.0]

    Source: Navon et al., "Multi-Task Learning as a Bargaining Game", 2022,
    https://arxiv.org/abs/2202.01017. Different here: solved exactly instead of by up to 20 rounds of a
    convex-concave procedure (which miss the equation in two of five cases at K ≥ 8); no clipping of the
    norm; weights every n steps are `Every(NashMTL(), n)`.
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        return bargaining_weights(gramian_AA, preference_A, exponent=1.0)

    def _degree(self) -> float:
        return -0.5
