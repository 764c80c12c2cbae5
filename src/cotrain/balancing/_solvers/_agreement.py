"""The direction that has prescribed cosines with all gradients."""

from __future__ import annotations

import math

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines

#: Eigenvalues of the cosines below this share of the largest count as zero where the matrix is singular.
RANK_TOLERANCE = 1e-12
#: Solutions larger than this, relative to the right-hand side, come from a matrix that counts as singular.
LARGEST = 1e8


def equal_cosine_weights(gramian_KK: np.ndarray, cosines_K: np.ndarray) -> np.ndarray:
    """Return v with ⟨g_k, Jᵀv⟩ / ‖g_k‖ = c_k for all k, in the least-squares sense if dependent.

    v = D⁻¹ C⁺ c with D = diag(‖g_k‖) and C the matrix of cosines.

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
    try:
        solution_K = np.linalg.solve(matrix_KK, cosines_K)
        # a solution of moderate size is one that no near-singularity has blown up
        if max(map(abs, solution_K.tolist())) < LARGEST * max(map(abs, cosines_K.tolist())):
            return solution_K / norms_K
    except np.linalg.LinAlgError:
        pass  # singular: go on with the pseudo-inverse
    values_K, vectors_KK = np.linalg.eigh(matrix_KK)
    kept_K = values_K > RANK_TOLERANCE * values_K[-1]
    coordinates_K = np.zeros_like(values_K)
    coordinates_K[kept_K] = (vectors_KK.T @ cosines_K)[kept_K] / values_K[kept_K]
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
