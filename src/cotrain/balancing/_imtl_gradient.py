"""The gradient half of impartial multi-task learning."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import equal_cosine_weights


class IMTLGradient(GramianRule):
    """The direction with the same projection on every gradient (IMTL-G): Gw ∝ n, Σw = 1.

    n are the gradient norms, so ⟨gₖ, d⟩/‖gₖ‖ is the same for all tasks. Weights may be negative. Cost: the
    Gramian, and one K×K linear system. Needs: `GRAMIAN`.

    It fails near linearly dependent gradients, where weights of both signs grow large while their sum is
    held at 1; for exactly dependent ones the projections are equal in the least-squares sense.

    A preference p makes the projections proportional to pₖ.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> IMTLGradient().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(4).tolist()
        [0.3333, 0.6667]

    Source: Liu et al., "Towards Impartial Multi-task Learning", 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr. Different here: where the solution's weights sum to a
    negative number we divide by its size, so that the update still improves every task (the formula of the
    paper turns into ascent for all of them there).
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        weights_A = equal_cosine_weights(gramian_AA, preference_A)
        weights = weights_A.tolist()
        total, size = abs(sum(weights)), sum(map(abs, weights))
        if size == 0:  # opposite gradients: no direction has equal projections
            return weights_A
        return weights_A / max(total, 1e-6 * size)
