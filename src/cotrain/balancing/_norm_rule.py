"""The base of the methods that look at the lengths of the tasks' gradients only."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._gramian_rule import preference_of, solved_weights, to_float64


class NormRule(Balancer):
    """A method that looks at the lengths of the tasks' gradients, not at the angles between them.

    `weights(losses, gramian)` takes the K squared norms as a vector, or a K×K Gramian whose diagonal it
    reads. They are divided by their mean first; a task whose gradient is zero gets the mean weight.

    Args:
        preference: see `Balancer`.

    Example:
        A method of one's own: each task by the inverse of its gradient's length.

        >>> class InverseNorm(NormRule):
        ...     def _solve(self, norms_A, losses_A, preference_A, places_A):
        ...         return preference_A / norms_A
        >>> InverseNorm().weights([1.0, 1.0], np.array([2.0, 2.0])).tolist()
        [1.0, 1.0]
    """

    needs = Needs.NORMS

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> np.ndarray:
        """Return the K weights of this step in float64 NumPy; see `Balancer.weights`.

        Args:
            losses: K losses.
            gramian: K squared gradient norms, or a K×K Gramian.
            active: K booleans, `None` = all.
        """
        losses_K = to_float64(losses)
        self._check_losses(losses_K)
        n_tasks = losses_K.shape[0]
        squared_norms_K = self._diagonal(gramian, n_tasks)
        active_K = np.isfinite(losses_K) & np.isfinite(squared_norms_K)
        if active is not None:
            active_K &= to_float64(active).astype(bool)
        index_A = np.flatnonzero(active_K)
        weights_K = np.zeros(n_tasks)
        if index_A.size == 0:
            return weights_K
        squared_norms_A = squared_norms_K[index_A]
        preference_A = preference_of(self.preference, n_tasks, index_A)

        def solve(nonzero_Z: np.ndarray, scale: float) -> np.ndarray:
            places_Z = index_A[nonzero_Z]
            preference_Z = preference_A[nonzero_Z] / preference_A[nonzero_Z].mean()
            norms_Z = np.sqrt(squared_norms_A[nonzero_Z] / scale)
            return self._solve(norms_Z, losses_K[places_Z], preference_Z, places_Z)

        weights_K[index_A] = solved_weights(squared_norms_A, preference_A, 0.0, solve)
        return weights_K

    @abstractmethod
    def _solve(
        self, norms_A: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        """Return the weights of the A active tasks.

        Args:
            norms_A: A positive gradient norms, root mean square 1.
            losses_A: the A losses.
            preference_A: A positive numbers of mean 1.
            index_A: their places among the K tasks, for state that is kept per task.
        """

    def _diagonal(self, gramian: Array | None, n_tasks: int) -> np.ndarray:
        name = type(self).__name__
        if gramian is None:
            raise InvalidArgumentError(
                f"{name} needs the gradient norms: call weights(losses, squared_norms) with K numbers."
            )
        values = to_float64(gramian)
        if values.shape == (n_tasks, n_tasks):
            return np.diagonal(values).copy()
        if values.shape != (n_tasks,):
            raise InvalidArgumentError(
                f"{name} got squared norms of shape {values.shape} for {n_tasks} losses: "
                f"expected ({n_tasks},), or a Gramian of shape ({n_tasks}, {n_tasks})."
            )
        return values
