"""Projections onto the cone of directions that harm no task."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines
from cotrain.balancing._solvers._pivoting import complementary_of_cosines


def dual_cone_weights(gramian_KK: np.ndarray, floors_NK: np.ndarray) -> np.ndarray:
    """Return argmin vᵀGv over v ≥ u for each row u of `floors_NK`.

    Jᵀv is the projection of Jᵀu onto the dual cone {d : ⟨g_k, d⟩ ≥ 0 for all k}.

    Args:
        gramian_KK: symmetric, positive diagonal.
        floors_NK: one row per vector that is projected, entries ≥ 0.

    Returns:
        v, N×K.
    """
    if gramian_KK.min() >= 0:  # no conflict, nothing to project
        return floors_NK.copy()
    if gramian_KK.shape[0] == 2:  # at most one of two entries has to rise, until that task is left in peace
        rise = -gramian_KK[0, 1] / np.diagonal(gramian_KK)
        return np.maximum(floors_NK, floors_NK[:, ::-1] * rise)
    norms_K, cosines_KK = lengths_and_cosines(gramian_KK)
    cosines_KK.flat[:: cosines_KK.shape[0] + 1] = 1.0
    scaled_NK = floors_NK * norms_K
    return floors_NK + complementary_of_cosines(cosines_KK, scaled_NK @ cosines_KK) / norms_K
