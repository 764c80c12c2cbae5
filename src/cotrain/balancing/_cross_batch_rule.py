"""The base of the methods that need the losses of several independent batches in one step."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from cotrain.balancing._arrays import Array
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._gramian_rule import checked_gramian, finite_submatrix, preference_of, to_float64


class CrossBatchRule(Balancer):
    """A method whose weights come from gradients of independent batches, so that they are unbiased.

    The caller draws `batches` independent batches a step. `weights(losses, gramian)` gets the losses of the
    last one and the K×K cross Gramian J₁J₂ᵀ of the first two (row i: gradients of the first batch), which
    is not symmetric; the update is the weighted gradient of the last batch.

    Args:
        preference: see `Balancer`.
    """

    needs = Needs.CROSS
    #: Two for the cross Gramian and one for the update.
    batches = 3

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> np.ndarray:
        """Return the K weights of this step in float64 NumPy; see `Balancer.weights`.

        Args:
            losses: K losses of the batch that the update is taken from.
            gramian: K×K inner products between the gradients of two other batches.
            active: K booleans; a task must be labelled in all the batches. `None` = all.
        """
        losses_K = to_float64(losses)
        self._check_losses(losses_K)
        n_tasks = losses_K.shape[0]
        gramian_KK = checked_gramian(type(self).__name__, gramian, n_tasks)
        index_A = finite_submatrix(gramian_KK, losses_K, active)
        weights_K = np.zeros(n_tasks)
        if index_A.size == 0:
            return weights_K
        cross_AA = gramian_KK[np.ix_(index_A, index_A)]
        # the diagonal of a cross Gramian may be negative: the size of the whole matrix is the safe unit
        scale = float(np.linalg.norm(cross_AA / max(np.abs(cross_AA).max(), np.finfo(float).tiny)))
        scale *= float(np.abs(cross_AA).max()) / np.sqrt(index_A.size)
        preference_A = preference_of(self.preference, n_tasks, index_A)
        unit_AA = cross_AA / scale if scale > 0 else cross_AA
        weights_K[index_A] = self._solve(unit_AA, preference_A, index_A)
        return weights_K

    @abstractmethod
    def _solve(self, cross_AA: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray) -> np.ndarray:
        """Return the weights of the A active tasks.

        Args:
            cross_AA: A×A, row i from the first batch; Frobenius norm √A (or 0).
            preference_A: A positive numbers of mean 1.
            index_A: their places among the K tasks, for state that is kept per task.
        """
