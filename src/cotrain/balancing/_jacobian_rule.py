"""The base of the methods that look at the single entries of the tasks' gradients."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

from array_api_compat import array_namespace

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, detached, widened
from cotrain.balancing._base import Balancer, Needs


class JacobianRule(Balancer):
    """A method that combines the K gradients entry by entry, or that remembers them.

    It gives the update itself, not weights: call `combine`. Everything stays on the Jacobian's device and
    never looks at a value, so it works on NumPy and torch arrays alike, without host synchronisation.

    Args:
        preference: see `Balancer`.

    Example:
        A method of one's own: the entry-wise median of three gradients.

        >>> import numpy as np
        >>> class Median(JacobianRule):
        ...     def _combine(self, xp, jacobian_KP, losses_K, active_K):
        ...         return xp.sort(jacobian_KP, axis=0)[1]
        >>> Median().combine(np.array([[1.0, 5.0], [2.0, 6.0], [9.0, 0.0]]), np.ones(3)).tolist()
        [2.0, 5.0]
    """

    needs = Needs.JACOBIAN

    @final
    def combine(self, jacobian: Array, losses: Array, active: Array | None = None) -> Array:
        """Return the update of the P shared parameters.

        Args:
            jacobian: K×P gradients of the tasks. A row with a non-finite entry counts as inactive.
            losses: K losses. Non-finite ones count as inactive.
            active: K booleans; an inactive task takes no part and its state stays as it is. `None` = all.

        Returns:
            P numbers on the Jacobian's device: the direction that takes the place of a gradient.

        Raises:
            InvalidArgumentError: if the shapes do not fit.
        """
        xp = array_namespace(jacobian)
        jacobian_KP = widened(xp, detached(jacobian))
        losses_K = xp.asarray(detached(losses), dtype=jacobian_KP.dtype, device=jacobian_KP.device)
        self._check_losses(losses_K)
        if jacobian_KP.ndim != 2 or jacobian_KP.shape[0] != losses_K.shape[0]:
            raise InvalidArgumentError(
                f"{type(self).__name__}.combine got a Jacobian of shape {tuple(jacobian_KP.shape)} for "
                f"{losses_K.shape[0]} losses: expected ({losses_K.shape[0]}, P)."
            )
        active_K = xp.isfinite(losses_K) & xp.all(xp.isfinite(jacobian_KP), axis=1)
        if active is not None:
            active_K = active_K & xp.asarray(active, dtype=xp.bool, device=jacobian_KP.device)
        jacobian_KP = xp.where(active_K[:, None], jacobian_KP, xp.zeros_like(jacobian_KP))
        losses_K = xp.where(active_K, losses_K, xp.ones_like(losses_K))
        return self._combine(xp, jacobian_KP, losses_K, active_K)

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Refuse: entry-wise methods have no weights.

        Raises:
            InvalidArgumentError: always.
        """
        raise InvalidArgumentError(
            f"{type(self).__name__} gives an update, not weights: call combine(jacobian, losses) with "
            "the K×P gradients."
        )

    @abstractmethod
    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        """Return the update; rows of inactive tasks are 0, their losses 1."""

    @final
    def _recall(self, xp: Any, name: str, like: Array, initial: float) -> Array:
        """Return the state `name` as an array beside `like`, or `initial` before the first step."""
        value = self.state.get(name)
        if value is None:
            return xp.full_like(like, initial)
        array = xp.asarray(value, dtype=like.dtype, device=like.device)
        if array.shape != like.shape:
            raise InvalidArgumentError(
                f"{type(self).__name__} remembers {name} of shape {tuple(array.shape)} and now needs "
                f"{tuple(like.shape)}: make a new one when tasks or shared parameters change."
            )
        return array
