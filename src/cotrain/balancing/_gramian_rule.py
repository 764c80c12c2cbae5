"""The base of the methods that look at the inner products of the tasks' gradients.

Before it stands what all rules that are solved on the host share: copying, checking, leaving tasks out and
scaling.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import array_api_compat
import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, detached, namespace_of
from cotrain.balancing._base import Balancer, Needs

#: A squared norm below this share of the largest is a zero gradient (a norm ratio of float64's epsilon).
ZERO_NORM_SHARE = 2.0**-104


def to_float64(array: Array) -> np.ndarray:
    """Bring any array to host memory in float64, from bfloat16 too. May share memory: do not write to it."""
    if isinstance(array, (np.ndarray, list, tuple)):
        return np.asarray(array, dtype=np.float64)
    xp = namespace_of(array)
    on_host = array_api_compat.to_device(detached(array), "cpu")
    return np.asarray(xp.astype(on_host, xp.float64), dtype=np.float64)


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


class GramianRule(Balancer):
    """A method that looks at the inner products of the tasks' gradients: weights on the host, in float64.

    The A×A problem of the active tasks with a non-zero gradient is solved after the Gramian was divided by
    its mean diagonal, so that neither the unit nor the type of the gradients can matter. A task whose
    gradient is zero gets the mean of the other weights, which turns no direction.

    Args:
        preference: see `Balancer`.

    Example:
        A method of one's own: each task by the inverse of its squared gradient norm.

        >>> class InverseSquare(GramianRule):
        ...     def _solve(self, gramian_AA, losses_A, preference_A, places_A):
        ...         return preference_A / gramian_AA.diagonal()
        >>> InverseSquare().weights([1.0, 1.0], np.diag([1.0, 4.0])).tolist()
        [2.5, 0.625]
    """

    needs = Needs.GRAMIAN
    #: What the Gramian of the step was divided by, for methods that remember lengths from step to step.
    _unit: float = 1.0

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> np.ndarray:
        """Return the K weights of this step in float64 NumPy; see `Balancer.weights`."""
        losses_K = to_float64(losses)
        self._check_losses(losses_K)
        n_tasks = losses_K.shape[0]
        gramian_KK = checked_gramian(type(self).__name__, gramian, n_tasks)
        if active is None and all_finite(gramian_KK) and all_finite(losses_K):
            squared_norms = gramian_KK.diagonal().tolist()  # of few numbers Python knows the least sooner
            if min(squared_norms) > max(squared_norms) * ZERO_NORM_SHARE:
                return self._weights_of_all(gramian_KK, losses_K, sum(squared_norms) / n_tasks)
        return self._weights_of_some(gramian_KK, losses_K, active)

    def _weights_of_all(self, gramian_KK: np.ndarray, losses_K: np.ndarray, scale: float) -> np.ndarray:
        """Return the weights where every task takes part: nothing has to be picked out or put back."""
        n_tasks = losses_K.shape[0]
        places_K = np.arange(n_tasks)
        preference_K = np.ones(n_tasks)
        if self.preference is not None:
            preference_K = preference_of(self.preference, n_tasks, places_K)
        gramian_KK = (gramian_KK + gramian_KK.T) * (0.5 / scale)
        self._unit = scale
        weights_K = self._solve(gramian_KK, losses_K, preference_K, places_K)
        degree = self._degree()
        return weights_K * scale**degree if degree else weights_K

    def _weights_of_some(
        self, gramian_KK: np.ndarray, losses_K: np.ndarray, active: Array | None
    ) -> np.ndarray:
        """Return the weights where tasks are inactive, or their numbers not finite or zero."""
        n_tasks = losses_K.shape[0]
        index_A = finite_submatrix(gramian_KK, losses_K, active)
        weights_K = np.zeros(n_tasks)
        if index_A.size == 0:
            return weights_K
        gramian_AA = gramian_KK[index_A[:, None], index_A]
        preference_A = preference_of(self.preference, n_tasks, index_A)

        def solve(nonzero_Z: np.ndarray, scale: float) -> np.ndarray:
            gramian_ZZ = gramian_AA[nonzero_Z[:, None], nonzero_Z]
            places_Z, preference_Z = index_A[nonzero_Z], preference_A[nonzero_Z]
            preference_Z = preference_Z / preference_Z.mean()
            gramian_ZZ = (gramian_ZZ + gramian_ZZ.T) * (0.5 / scale)
            self._unit = scale
            return self._solve(gramian_ZZ, losses_K[places_Z], preference_Z, places_Z)

        weights_K[index_A] = solved_weights(np.diagonal(gramian_AA), preference_A, self._degree(), solve)
        return weights_K

    @abstractmethod
    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        """Return the weights of the A active tasks.

        Args:
            gramian_AA: A×A, symmetric, positive diagonal of mean 1.
            losses_A: the A losses.
            preference_A: A positive numbers of mean 1.
            index_A: their places among the K tasks, for state that is kept per task.
        """

    def _degree(self) -> float:
        """Return d such that the weights of s·G are s^d times those of G."""
        return 0.0
