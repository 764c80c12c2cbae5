"""The base of the methods that look at the inner products of the tasks' gradients."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from cotrain.balancing._arrays import Array, to_float64
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._gramian_solving import (
    ZERO_NORM_SHARE,
    all_finite,
    checked_gramian,
    finite_submatrix,
    preference_of,
    solved_weights,
)


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
