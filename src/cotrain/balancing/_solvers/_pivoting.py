"""Linear complementarity problems with one positive definite matrix and many offsets."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import noise_of

#: Added to the diagonal of a cosine matrix that is regular, against its rounding.
RIDGE = 1e-13
#: Added, at least, where gradients are linearly dependent: it picks the shortest solution. Rounding changes
#: it by about 1e-16 / RIDGE_OF_DEPENDENT, so that the order of the tasks cannot matter; its own trace is
#: refined away. Where ten times the noise of the inner products is more, that keeps the matrix positive.
RIDGE_OF_DEPENDENT = 1e-7
RIDGE_PER_NOISE = 10.0
REFINEMENTS = 3
#: A solution that is longer than this many times its offsets has grown along the gradients' dependence.
GROWN = 1e4
#: Entries down to this share of the largest count as non-negative.
TOLERANCE = 1e-12
#: Rounds of exchanging all wrong signs, before one entry is freed at a time. Well-posed problems take 2 to 6.
ROUNDS = 12
#: From this many tasks on, systems are cut down to their free entries, which takes longer than small systems.
CUT_DOWN = 18
#: From this many tasks on, systems are solved one by one, each at its own size.
ONE_BY_ONE = 48


def complementary_of_cosines(cosines_KK: np.ndarray, offsets_NK: np.ndarray) -> np.ndarray:
    """Do what `complementary` does for a matrix of cosines, which may be singular.

    Of the many solutions that there are if gradients are linearly dependent it returns the shortest: with
    it, permuting the tasks permutes the weights.

    Args:
        cosines_KK: symmetric, diagonal 1.
        offsets_NK: one row per problem.

    Returns:
        x, N×K.
    """
    ridge = ridge_of(cosines_KK)
    matrix_KK = cosines_KK + ridge * np.eye(cosines_KK.shape[0])
    if ridge == RIDGE:
        return complementary(matrix_KK, offsets_NK)
    solution_NK = complementary(matrix_KK, offsets_NK)
    free_NK = solution_NK > 0
    # without a solution x grows along the gradients' dependence: then that part alone is kept
    sizes_N = np.maximum.reduce(solution_NK, axis=1)
    grown_N = sizes_N > GROWN * np.maximum.reduce(np.abs(offsets_NK), axis=1)
    for _ in range(REFINEMENTS):
        rest_NK = solution_NK @ cosines_KK + offsets_NK
        rest_NK = np.where(grown_N[:, None], -ridge * solution_NK, rest_NK)
        before_NK = np.where(grown_N[:, None], 0.0, solution_NK)
        solution_NK = before_NK + _solve_on_free(matrix_KK, rest_NK, free_NK)
    return np.maximum(solution_NK, 0.0)


def ridge_of(cosines_KK: np.ndarray) -> float:
    """Return what to add to the diagonal of a matrix of cosines before it is solved with.

    Example:
        >>> ridge_of(np.eye(2)) == RIDGE, ridge_of(np.ones((2, 2))) == RIDGE_OF_DEPENDENT
        (True, True)
    """
    noise = noise_of(cosines_KK)
    return RIDGE if noise is None else max(RIDGE_OF_DEPENDENT, RIDGE_PER_NOISE * noise)


def complementary(matrix_KK: np.ndarray, offsets_NK: np.ndarray) -> np.ndarray:
    """Find x ≥ 0 with y = M x + q ≥ 0 and x·y = 0, for N offsets q at once.

    x is the minimiser of ½xᵀMx + qᵀx over x ≥ 0. Block principal pivoting (Júdice and Pires, 1994; Kim
    and Park, "Fast nonnegative matrix factorization", 2011, https://doi.org/10.1137/110821172): guess
    which x are free, solve, exchange every entry of the wrong sign. It ends after a few rounds, but may
    cycle on nearly singular matrices; what is left then goes over to an active set method, which always ends.
    All N problems are solved together, because one by one the time goes into overhead.

    Args:
        matrix_KK: symmetric, positive definite.
        offsets_NK: one row per problem.

    Returns:
        x, N×K.
    """
    if offsets_NK.shape[0] == 1:
        return _complementary_of_one(matrix_KK, offsets_NK[0])[None, :]
    solution_NK = np.zeros_like(offsets_NK)
    free_MK = offsets_NK < 0
    open_M = np.flatnonzero(free_MK.any(axis=1))  # with q ≥ 0 the answer is 0
    free_MK, offsets_MK = free_MK[open_M], offsets_NK[open_M]
    largest_q_M1 = np.maximum.reduce(np.abs(offsets_MK), axis=1, keepdims=True, initial=0.0)
    for _ in range(ROUNDS):
        if not open_M.size:
            break
        x_MK = _solve_on_free(matrix_KK, offsets_MK, free_MK)
        solution_NK[open_M] = x_MK
        checked_MK = np.where(free_MK, x_MK, x_MK @ matrix_KK + offsets_MK)
        if checked_MK.min() >= 0:
            return np.maximum(solution_NK, 0.0)
        largest_x_M1 = np.maximum.reduce(np.abs(x_MK), axis=1, keepdims=True)
        allowed_MK = largest_x_M1 + np.where(free_MK, 0.0, largest_q_M1)
        wrong_MK = checked_MK < -TOLERANCE * allowed_MK
        wrong_M = wrong_MK.any(axis=1)
        free_MK ^= wrong_MK
        if not wrong_M.all():
            open_M, largest_q_M1 = open_M[wrong_M], largest_q_M1[wrong_M]
            free_MK, offsets_MK = free_MK[wrong_M], offsets_MK[wrong_M]
    for problem in open_M:
        solution_NK[problem] = _active_set(matrix_KK, offsets_NK[problem])
    return np.maximum(solution_NK, 0.0)


def _complementary_of_one(matrix_KK: np.ndarray, offset_K: np.ndarray) -> np.ndarray:
    """Do the same for one problem, without the bookkeeping of many."""
    free_K = offset_K < 0
    largest_q = float(np.abs(offset_K).max())
    for _ in range(ROUNDS):
        x_K = _solve_on_one(matrix_KK, offset_K, free_K)
        checked_K = np.where(free_K, x_K, matrix_KK @ x_K + offset_K)
        if checked_K.min() >= 0:
            return x_K
        largest_x = float(np.abs(x_K).max())
        wrong_K = checked_K < np.where(free_K, -TOLERANCE * largest_x, -TOLERANCE * (largest_q + largest_x))
        if not wrong_K.any():
            return np.maximum(x_K, 0.0)
        free_K ^= wrong_K
    return np.maximum(_active_set(matrix_KK, offset_K), 0.0)


def _active_set(matrix_KK: np.ndarray, offset_K: np.ndarray) -> np.ndarray:
    """Solve one problem by Lawson and Hanson's method (1974): feasible and descending at every step."""
    n_tasks = offset_K.size
    x_K = np.zeros(n_tasks)
    free_K = np.zeros(n_tasks, dtype=bool)
    for _ in range(10 * n_tasks):
        pull_K = -(matrix_KK @ x_K + offset_K)
        pull_K[free_K] = 0.0
        best = int(np.argmax(pull_K))
        if pull_K[best] <= TOLERANCE * (np.abs(offset_K).max() + np.abs(x_K).max()):
            break
        free_K[best] = True
        while True:
            goal_K = _solve_on_one(matrix_KK, offset_K, free_K)
            blocked_K = free_K & (goal_K <= 0)
            if not blocked_K.any():
                x_K = goal_K
                break
            shares_K = np.where(blocked_K, x_K / np.where(blocked_K, x_K - goal_K, 1.0), np.inf)
            first = int(np.argmin(shares_K))
            x_K = x_K + max(shares_K[first], 0.0) * (goal_K - x_K)
            x_K[first] = 0.0
            free_K[first] = False
    return x_K


def _solve_on_free(matrix_KK: np.ndarray, offsets_MK: np.ndarray, free_MK: np.ndarray) -> np.ndarray:
    """Solve M x = −q on the free entries of each row, x = 0 on the others."""
    n_problems, n_tasks = offsets_MK.shape
    if n_problems <= 2 or n_tasks >= ONE_BY_ONE:
        x_MK = np.empty_like(offsets_MK)
        for row in range(n_problems):
            x_MK[row] = _solve_on_one(matrix_KK, offsets_MK[row], free_MK[row])
        return x_MK
    # rows that are not free read x = 0; rounding in them is cut off at the end
    if n_tasks < CUT_DOWN:
        systems_MKK = np.where(free_MK[:, :, None], matrix_KK, np.eye(n_tasks))
        right_MK1 = np.where(free_MK, -offsets_MK, 0.0)[:, :, None]
        return np.linalg.solve(systems_MKK, right_MK1)[:, :, 0] * free_MK
    width = int(np.add.reduce(free_MK, axis=1).max())
    places_MF = (~free_MK).argsort(axis=1, kind="stable")[:, :width]
    rows_M1 = np.arange(n_problems)[:, None]
    free_MF = free_MK[rows_M1, places_MF]
    systems_MFF = matrix_KK.take(places_MF[:, :, None] * n_tasks + places_MF[:, None, :])
    systems_MFF = np.where(free_MF[:, :, None], systems_MFF, np.eye(width))
    right_MF1 = np.where(free_MF, -offsets_MK[rows_M1, places_MF], 0.0)[:, :, None]
    x_MK = np.zeros_like(offsets_MK)
    x_MK[rows_M1, places_MF] = np.linalg.solve(systems_MFF, right_MF1)[:, :, 0] * free_MF
    return x_MK


def _solve_on_one(matrix_KK: np.ndarray, offset_K: np.ndarray, free_K: np.ndarray) -> np.ndarray:
    """Solve M x = −q on the free entries, x = 0 on the others."""
    free_F = free_K.nonzero()[0]
    if free_F.size == offset_K.size:
        return np.linalg.solve(matrix_KK, -offset_K)
    x_K = np.zeros(offset_K.size)
    if free_F.size:
        x_K[free_F] = np.linalg.solve(matrix_KK[free_F[:, None], free_F], -offset_K[free_F])
    return x_K
