"""The direction that has prescribed cosines with all gradients."""

from __future__ import annotations

import math

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines, noise_of

#: Eigenvalues of the cosines below this share of the largest count as zero, and so do coordinates of c; more
#: does where the inner products are noisier, by this factor.
RANK_TOLERANCE = 1e-12
NOISE_FACTOR = 10.0
#: Two gradients whose solution is larger than this, relative to the right-hand side, count as parallel.
LARGEST = 1e8


def equal_cosine_weights(gramian_KK: np.ndarray, cosines_K: np.ndarray) -> np.ndarray:
    """Return v with ⟨g_k, Jᵀv⟩ / ‖g_k‖ = c_k for all k, in the least-squares sense if dependent.

    v = D⁻¹ C⁺ c with D = diag(‖g_k‖) and C the matrix of cosines; of all such solutions the one whose Dv is
    shortest, so that the order of the tasks cannot matter.

    Args:
        gramian_KK: symmetric, positive diagonal.
        cosines_K: the K prescribed numbers c.
    """
    if cosines_K.shape[0] == 2:
        weights_2 = _of_two(gramian_KK.tolist(), cosines_K.tolist())
        if weights_2 is not None:
            return weights_2
    norms_K, matrix_KK = lengths_and_cosines(gramian_KK)
    matrix_KK.flat[:: matrix_KK.shape[0] + 1] = 1.0
    noise = noise_of(matrix_KK)
    if noise is None:
        return np.linalg.solve(matrix_KK, cosines_K) / norms_K
    # Elimination would give one of many solutions, another one for another order of the tasks.
    values_K, vectors_KK = np.linalg.eigh(matrix_KK)
    coordinates_K = vectors_KK.T @ cosines_K
    tolerance = max(RANK_TOLERANCE, NOISE_FACTOR * noise)
    kept_K = values_K > tolerance * values_K[-1]
    kept_K &= np.abs(coordinates_K) > tolerance * float(np.linalg.norm(cosines_K))
    coordinates_K = np.where(kept_K, coordinates_K / np.where(kept_K, values_K, 1.0), 0.0)
    return (vectors_KK @ coordinates_K) / norms_K


def _of_two(gramian: list[list[float]], cosines: list[float]) -> np.ndarray | None:
    """Solve for two tasks in closed form; `None` where the two gradients are as good as parallel."""
    first, second = math.sqrt(gramian[0][0]), math.sqrt(gramian[1][1])
    cosine = gramian[0][1] / (first * second)
    determinant = (1.0 - cosine) * (1.0 + cosine)
    x, y = cosines[0] - cosine * cosines[1], cosines[1] - cosine * cosines[0]
    if not max(abs(x), abs(y)) < LARGEST * determinant * max(abs(cosines[0]), abs(cosines[1])):
        return None
    return np.array([x / (determinant * first), y / (determinant * second)])
