"""What the rules that are solved on the host share: copying, checking, leaving tasks out, scaling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, to_float64

#: A squared norm below this share of the largest is a zero gradient (a norm ratio of float64's epsilon).
ZERO_NORM_SHARE = 2.0**-104


def all_finite(values: np.ndarray) -> bool:
    """Say whether all entries are finite and no larger than the root of the largest number.

    The sum of squares answers in one call and without a warning.
    """
    return math.isfinite(np.vdot(values, values))


def finite_submatrix(gramian_KK: np.ndarray, losses_K: np.ndarray, active: Array | None) -> np.ndarray:
    """Return the places of the tasks that are active and whose loss and inner products are finite."""
    if active is None and np.isfinite(gramian_KK).all() and np.isfinite(losses_K).all():
        return np.arange(losses_K.size)
    active_K = np.isfinite(losses_K) & np.isfinite(np.diagonal(gramian_KK))
    if active is not None:
        active_K &= to_float64(active).astype(bool)
    index_A = np.flatnonzero(active_K)
    finite_AA = np.isfinite(gramian_KK[np.ix_(index_A, index_A)])
    # one non-finite pair must not cost two tasks: leave out the task with most such pairs first
    while not finite_AA.all():
        worst = int(np.argmin(finite_AA.sum(axis=1)))
        index_A = np.delete(index_A, worst)
        finite_AA = np.delete(np.delete(finite_AA, worst, axis=0), worst, axis=1)
    return index_A


def solved_weights(
    squared_norms_A: np.ndarray,
    preference_A: np.ndarray,
    degree: float,
    solve: Callable[[np.ndarray, float], np.ndarray],
) -> np.ndarray:
    """Solve on the tasks whose gradient is not zero, and give the others the mean weight.

    A zero gradient cannot turn the direction, whatever its weight; with weight 0 a task whose head is
    zero-initialised would never start to learn where the weights multiply whole losses.

    Args:
        squared_norms_A: the diagonal of the Gramian.
        preference_A: A positive numbers.
        degree: the weights of s·G are s^degree times those of G.
        solve: from the places of the non-zero gradients and the scale of G to their weights.
    """
    largest = squared_norms_A.max(initial=0.0)
    nonzero_A = squared_norms_A > largest * ZERO_NORM_SHARE
    if not largest > 0:
        return preference_A / preference_A.mean()
    if nonzero_A.all():
        scale = float(squared_norms_A.mean())
        return solve(np.arange(squared_norms_A.size), scale) * scale**degree
    scale = float(squared_norms_A[nonzero_A].mean())
    weights_A = np.empty(squared_norms_A.size)
    solved = solve(np.flatnonzero(nonzero_A), scale)
    weights_A[nonzero_A] = solved
    weights_A[~nonzero_A] = preference_A[~nonzero_A] * (np.mean(solved) / preference_A[nonzero_A].mean())
    return weights_A * scale**degree


def preference_of(preference: Sequence[float] | None, n_tasks: int, index_A: np.ndarray) -> np.ndarray:
    """Return the preference of the active tasks, with mean 1."""
    preference_K = np.ones(n_tasks) if preference is None else np.asarray(preference, dtype=np.float64)
    return preference_K[index_A] / preference_K[index_A].mean()


def checked_gramian(name: str, gramian: Array | None, n_tasks: int) -> np.ndarray:
    """Return the Gramian in float64, or say what is wrong with it.

    Raises:
        InvalidArgumentError: if it is missing or not K×K.
    """
    if gramian is None:
        raise InvalidArgumentError(
            f"{name} needs the Gramian: call weights(losses, gramian) with a K×K array of inner products."
        )
    gramian_KK = to_float64(gramian)
    if gramian_KK.shape != (n_tasks, n_tasks):
        raise InvalidArgumentError(
            f"{name} got a Gramian of shape {gramian_KK.shape} for {n_tasks} losses: "
            f"expected ({n_tasks}, {n_tasks})."
        )
    return gramian_KK
