"""The shortest vector of a convex hull."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines
from cotrain.balancing._solvers._pivoting import complementary_of_cosines


def least_norm_weights(gramian_KK: np.ndarray) -> np.ndarray:
    """Return argmin wᵀGw over the simplex.

    With x = w / wᵀGw the optimality conditions read x ≥ 0, Gx ≥ 1, x·(Gx − 1) = 0: one linear
    complementarity problem without the constraint on the sum, solved by pivoting. Frank-Wolfe, the usual
    choice, is up to 72 % above the least norm after its default number of iterations.

    Args:
        gramian_KK: symmetric, positive diagonal.
    """
    if gramian_KK.shape[0] == 1:
        return np.ones(1)
    if gramian_KK.shape[0] == 2:
        return _of_two(gramian_KK)
    norms_K, cosines_KK = lengths_and_cosines(gramian_KK)
    cosines_KK.flat[:: cosines_KK.shape[0] + 1] = 1.0
    # in z = n·x the matrix is that of the cosines, whatever the tasks' units
    z_K = complementary_of_cosines(cosines_KK, -(norms_K.min() / norms_K)[None, :])[0]
    weights_K = z_K / norms_K
    return weights_K / weights_K.sum()


def _of_two(gramian_22: np.ndarray) -> np.ndarray:
    (first, cross), (_, second) = gramian_22.tolist()
    # rounding must not choose between copies
    if first + second - 2 * cross <= 1e-14 * (first + second):
        return np.array([0.5, 0.5])
    if cross >= min(first, second):  # the shorter gradient itself is the nearest point
        return np.array([float(first < second), float(second < first)])
    share = (second - cross) / (first + second - 2 * cross)
    return np.array([share, 1.0 - share])
