"""The direction in a ball around the mean gradient whose worst task gains most."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines
from cotrain.balancing._solvers._pivoting import complementary, ridge_of

ITERATIONS = 60


def conflict_averse_weights(gramian_KK: np.ndarray, centre_K: np.ndarray, radius: float) -> np.ndarray:
    """Return x ≥ 0 such that d = Jᵀ(centre + x) maximises min_k ⟨g_k, d⟩ within ‖Jᵀx‖ ≤ radius.

    For a level τ, the shortest Jᵀx that lifts every task to ⟨g_k, d⟩ ≥ τ solves the complementarity
    problem Gx + b − τ ≥ 0, x ≥ 0 with b = G·centre. Its length grows with τ, convexly, and on a fixed set
    of free tasks its square is a quadratic in τ. So: solve, find the τ at which that quadratic equals
    radius², and repeat until the set of free tasks stays; a bracket keeps the iteration safe.

    Args:
        gramian_KK: symmetric, positive diagonal.
        centre_K: weights of the centre of the ball.
        radius: > 0.
    """
    norms_K, cosines_KK = lengths_and_cosines(gramian_KK)
    cosines_KK.flat[:: cosines_KK.shape[0] + 1] = 1.0
    cosines_KK.flat[:: cosines_KK.shape[0] + 1] = 1.0 + ridge_of(cosines_KK)
    gains_K = gramian_KK @ centre_K
    worst = int(np.argmin(gains_K))
    low = float(gains_K[worst])
    high = float((gains_K + radius * norms_K).min())  # each task alone bounds the level
    level, free_K = high, np.zeros(gains_K.size, dtype=bool)
    z_K = np.zeros_like(gains_K)
    for _ in range(ITERATIONS):
        z_K = complementary(cosines_KK, ((gains_K - level) / norms_K)[None, :])[0]
        squared = float(z_K @ cosines_KK @ z_K)
        if squared > radius**2:
            high = min(high, level)
        else:
            low = max(low, level)
        if np.array_equal(free_K, z_K > 0) or high - low <= 1e-15 * abs(high):
            break
        free_K = z_K > 0
        level = _level_on(cosines_KK, gains_K, norms_K, free_K, radius)
        if not low <= level <= high:
            level = (low + high) / 2
    length = float(np.sqrt(max(z_K @ cosines_KK @ z_K, 0.0)))
    if length > 0:
        z_K = z_K * min(radius / length, 1e8)
    return z_K / norms_K


def _level_on(
    cosines_KK: np.ndarray, gains_K: np.ndarray, norms_K: np.ndarray, free_K: np.ndarray, radius: float
) -> float:
    """Return the level at which the solution on the free tasks has length `radius`."""
    free_F = np.flatnonzero(free_K)
    if free_F.size == 0:
        return float(gains_K.min())
    right_F2 = np.stack([1.0 / norms_K[free_F], gains_K[free_F] / norms_K[free_F]], axis=1)
    slope_F, offset_F = np.linalg.solve(cosines_KK[free_F[:, None], free_F], right_F2).T
    # z = τ·slope − offset, so ‖z‖² = a τ² − 2 b τ + c
    a, b, c = slope_F @ right_F2[:, 0], slope_F @ right_F2[:, 1], offset_F @ right_F2[:, 1]
    discriminant = b * b - a * (c - radius**2)
    return float((b + np.sqrt(max(discriminant, 0.0))) / a)
