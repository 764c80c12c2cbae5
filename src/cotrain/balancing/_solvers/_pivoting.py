"""Linear complementarity problems with one positive definite matrix and many offsets."""

from __future__ import annotations

import numpy as np

#: Added to the diagonal of a cosine matrix: picks one solution where gradients are linearly dependent.
RIDGE = 1e-13
#: Entries down to this share of the largest count as non-negative.
TOLERANCE = 1e-12
#: Rounds of exchanging all wrong signs without fewer of them, before one entry is freed at a time.
PATIENCE = 5


def complementary(matrix_KK: np.ndarray, offsets_NK: np.ndarray) -> np.ndarray:
    """Find x ≥ 0 with y = M x + q ≥ 0 and x·y = 0, for N offsets q at once.

    x is the minimiser of ½xᵀMx + qᵀx over x ≥ 0. Block principal pivoting (Júdice and Pires, 1994; Kim
    and Park, "Fast nonnegative matrix factorization", 2011, https://doi.org/10.1137/110821172): guess
    which x are free, solve, exchange every entry of the wrong sign. It ends after a few rounds, but may
    cycle on nearly singular matrices; such problems go over to an active set method, which always ends.
    All N problems are solved together, because one by one the time goes into overhead.

    Args:
        matrix_KK: symmetric, positive definite.
        offsets_NK: one row per problem.

    Returns:
        x, N×K.
    """
    n_problems, n_tasks = offsets_NK.shape
    free_NK = offsets_NK < 0
    solution_NK = np.zeros_like(offsets_NK)
    fewest_N = np.full(n_problems, n_tasks + 1)
    patience_N = np.full(n_problems, PATIENCE)
    open_M = np.flatnonzero(free_NK.any(axis=1))  # with q ≥ 0 the answer is 0
    while open_M.size:
        free_MK, offsets_MK = free_NK[open_M], offsets_NK[open_M]
        x_MK = _solve_on_free(matrix_KK, offsets_MK, free_MK)
        solution_NK[open_M] = x_MK
        y_MK = x_MK @ matrix_KK + offsets_MK
        largest_x_M1 = np.abs(x_MK).max(axis=1, keepdims=True)
        largest_y_M1 = np.abs(offsets_MK).max(axis=1, keepdims=True) + largest_x_M1
        wrong_MK = np.where(free_MK, x_MK < -TOLERANCE * largest_x_M1, y_MK < -TOLERANCE * largest_y_M1)
        n_wrong_M = wrong_MK.sum(axis=1)
        patience_N[open_M] = np.where(n_wrong_M < fewest_N[open_M], PATIENCE, patience_N[open_M] - 1)
        fewest_N[open_M] = np.minimum(fewest_N[open_M], n_wrong_M)
        free_NK[open_M] = free_MK ^ wrong_MK
        open_M = open_M[n_wrong_M > 0]
        for problem in open_M[patience_N[open_M] < 0]:
            solution_NK[problem] = _active_set(matrix_KK, offsets_NK[problem])
        open_M = open_M[patience_N[open_M] >= 0]
    return np.maximum(solution_NK, 0.0)


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
            goal_K = _solve_on_free(matrix_KK, offset_K[None, :], free_K[None, :])[0]
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
    x_MK = np.zeros_like(offsets_MK)
    if offsets_MK.shape[0] <= 2:
        for row, free_K in enumerate(free_MK):
            free_F = np.flatnonzero(free_K)
            if free_F.size:
                x_MK[row, free_F] = np.linalg.solve(
                    matrix_KK[free_F[:, None], free_F], -offsets_MK[row, free_F]
                )
        return x_MK
    n_tasks = matrix_KK.shape[0]
    systems_MKK = matrix_KK * (free_MK[:, :, None] & free_MK[:, None, :])
    systems_MKK[:, np.arange(n_tasks), np.arange(n_tasks)] = np.where(free_MK, np.diagonal(matrix_KK), 1.0)
    right_MK1 = np.where(free_MK, -offsets_MK, 0.0)[:, :, None]
    return np.linalg.solve(systems_MKK, right_MK1)[:, :, 0]
