"""The direction that has prescribed cosines with all gradients."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines

#: Cosine matrices with a smaller reciprocal condition are inverted on their range only.
RANK_TOLERANCE = 1e-12


def equal_cosine_weights(gramian_KK: np.ndarray, cosines_K: np.ndarray) -> np.ndarray:
    """Return v with ⟨g_k, Jᵀv⟩ / ‖g_k‖ = c_k for all k, in the least-squares sense if dependent.

    v = D⁻¹ C⁺ c with D = diag(‖g_k‖) and C the matrix of cosines.

    Args:
        gramian_KK: symmetric, positive diagonal.
        cosines_K: the K prescribed numbers c.
    """
    norms_K, matrix_KK = lengths_and_cosines(gramian_KK)
    matrix_KK.flat[:: matrix_KK.shape[0] + 1] = 1.0
    try:
        lower_KK = np.linalg.cholesky(matrix_KK)
        pivots_K = np.diagonal(lower_KK)
        # the smallest pivot bounds the condition well enough to tell singular from harmless
        if pivots_K.min() ** 2 > RANK_TOLERANCE * 1e3:
            return np.linalg.solve(matrix_KK, cosines_K) / norms_K
    except np.linalg.LinAlgError:
        pass  # singular: go on with the pseudo-inverse
    values_K, vectors_KK = np.linalg.eigh(matrix_KK)
    kept_K = values_K > RANK_TOLERANCE * values_K[-1]
    coordinates_K = np.zeros_like(values_K)
    coordinates_K[kept_K] = (vectors_KK.T @ cosines_K)[kept_K] / values_K[kept_K]
    return (vectors_KK @ coordinates_K) / norms_K
