"""Weights at which every task's gain is a given power of its weight."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines

#: Added to the diagonal of the cosines where no direction helps all tasks and no solution exists.
STATIONARY_RIDGE = 1e-6
ITERATIONS = 100


def bargaining_weights(gramian_KK: np.ndarray, preference_K: np.ndarray, exponent: float) -> np.ndarray:
    """Return w > 0 with (Gw)_k = (p_k / w_k)^exponent.

    These are the stationary points of the strictly convex ½wᵀGw − Σ_k h_k(w_k), with h_k′ the right-hand
    side, so damped Newton steps find the only solution. Exponent 1 is Nash's bargaining solution.

    Args:
        gramian_KK: symmetric, positive diagonal.
        preference_K: K positive numbers p.
        exponent: > 0.
    """
    norms_K, cosines_KK = lengths_and_cosines(gramian_KK)
    # in z = n·w: (Cz)_k = a_k z_k^(−exponent), for exponent 1 without any trace of the tasks' units
    factors_K = preference_K**exponent * norms_K ** (exponent - 1.0)
    z_K, converged = _newton(cosines_KK, factors_K, exponent)
    if not converged:
        # at a Pareto-stationary point z grows without bound: bound it, the direction stays the same
        cosines_KK.flat[:: cosines_KK.shape[0] + 1] += STATIONARY_RIDGE
        z_K, _ = _newton(cosines_KK, factors_K, exponent, patient=True)
    return z_K / norms_K


def _newton(
    matrix_KK: np.ndarray, factors_K: np.ndarray, exponent: float, *, patient: bool = False
) -> tuple[np.ndarray, bool]:
    """Solve Mz = a z^(−exponent), z > 0; say whether the residual vanished.

    With `patient` there is a solution, however far away, so that slow steps are no reason to stop.
    """
    z_K = factors_K ** (1.0 / (1.0 + exponent))  # the solution for orthogonal gradients
    pull, push = float(z_K @ matrix_KK @ z_K), float(factors_K @ z_K ** (1.0 - exponent))
    if pull > 0:  # and the best multiple of it for these ones
        z_K = z_K * min((push / pull) ** (1.0 / (1.0 + exponent)), 1e3)
    diagonal = np.arange(z_K.size)
    last, idle, bound = np.inf, 0, 1e8 * float(z_K.max())
    for _ in range(ITERATIONS):
        barrier_K = factors_K * z_K**-exponent
        gradient_K = matrix_KK @ z_K - barrier_K
        relative = float(np.abs(gradient_K / barrier_K).max())
        # converged, or as far as rounding lets it come
        if relative < 1e-14 or (relative < 1e-5 and relative > last / 2):
            return z_K, True
        idle += relative > 0.9 * last
        if patient:
            idle = 0
        elif float(z_K.max()) > bound:
            return z_K, False
        if idle > 10:  # rounding hides the solution: gradients cancel to half of all digits
            return z_K, False
        last = relative
        hessian_KK = matrix_KK.copy()
        hessian_KK[diagonal, diagonal] += exponent * barrier_K / z_K
        try:
            step_K = np.linalg.solve(hessian_KK, -gradient_K)
        except np.linalg.LinAlgError:  # z has grown until its barrier vanished beside a singular matrix
            return z_K, False
        # as for self-concordant functions: stay inside the positive orthant far away, full steps near by
        change = float(np.abs(step_K / z_K).max())
        length = 1.0 if change < 0.5 else 1.0 / (1.0 + change)
        z_K = z_K + length * step_K
    return z_K, last < 1e-5
