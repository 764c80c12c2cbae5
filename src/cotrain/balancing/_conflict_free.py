"""Conflict-free inverse gradients."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import equal_cosine_weights


class ConFIG(GramianRule):
    """The direction with the same positive cosine to every gradient: w ∝ D⁻¹ C⁺ p.

    D = diag(‖gₖ‖) and C the matrix of cosines. The unit vector u of that direction gets the length
    Σₖ ⟨gₖ, u⟩, the sum of the gradients' projections. Cost: the Gramian, and one K×K linear system. Needs:
    `GRAMIAN`.

    The direction is that of `IMTLGradient`; the length is what differs, and it shrinks to 0 where no
    conflict-free direction exists (opposite gradients). It fails for nearly dependent gradients, where
    weights of both signs grow large; exactly dependent ones are solved in the least-squares sense.

    A preference p makes the cosines proportional to pₖ.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> ConFIG().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(4).tolist()
        [0.75, 1.5]

    Source: Liu, Chu and Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural
    Networks", 2025, https://arxiv.org/abs/2408.11104. Different here: computed from the Gramian, not from
    the K×P gradients.
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        weights_A = equal_cosine_weights(gramian_AA, preference_A)
        projections_A = gramian_AA @ weights_A
        squared = float(weights_A @ projections_A)
        size = float(np.abs(weights_A) @ np.sqrt(gramian_AA.diagonal()))
        if squared <= 1e-24 * size**2:  # opposite gradients
            return np.zeros_like(weights_A)
        return weights_A * (float(projections_A.sum()) / squared)
