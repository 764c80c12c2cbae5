"""Aligned gradients."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._gramian_rule import GramianRule


class AlignedMTL(GramianRule):
    """The gradients' principal components brought to one length: w = √λ_min · G^(−1/2) p.

    The system of gradients is replaced by the nearest orthogonal one, scaled by the smallest singular
    value λ_min^(1/2), so that no component of the update dominates. Cost: the Gramian, and one K×K
    eigendecomposition. Needs: `GRAMIAN`.

    It fails for nearly dependent gradients: the step is as short as the smallest singular value, and where
    the rank is decided by rounding the weights jump. Exactly dependent gradients are handled on their
    span. It depends on the units of the losses.

    A preference p is the vector of task weights of the paper: the aligned gradients are summed with it.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> AlignedMTL().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(6).tolist()
        [0.5, 1.0]

    Source: Senushkin et al., "Independent Component Alignment for Multi-Task Learning", 2023,
    https://arxiv.org/abs/2305.19000. Different here: the mean preference is 1, so weights sum like those of
    the plain sum (the paper's default sums to 1).
    """

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        values_A, vectors_AA = np.linalg.eigh(gramian_AA)
        kept_A = values_A > values_A[-1] * values_A.size * np.finfo(np.float64).eps
        smallest = values_A[kept_A][0]
        factors_A = np.where(kept_A, np.sqrt(smallest / np.where(kept_A, values_A, 1.0)), 0.0)
        return vectors_AA @ (factors_A * (vectors_AA.T @ preference_A))
