"""What every balancing method is: K weights from K losses and, if it asks for it, their Gramian.

Shapes: K tasks, P shared parameters. Everything here is framework-neutral: array-API operations on
whatever arrays the caller brings (NumPy, torch, ...) for rules on losses, float64 NumPy for K×K solvers.
"""

from __future__ import annotations

import copy
import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
from array_api_compat import array_namespace

from cotrain._base import InvalidArgumentError

Array = Any  # an array of any array-API namespace


class Needs(enum.Enum):
    """What a method must be given besides the losses; the caller computes no more than that."""

    LOSSES = "losses"
    NORMS = "norms"  # the diagonal of the Gramian
    GRAMIAN = "gramian"
    JACOBIAN = "jacobian"


class Balancer(ABC):
    """A rule that gives each task's loss a weight.

    Subclass `LossRule` or `GramianRule`, not this class. All that changes from call to call lives in
    the one dict `self.state`, so that `state_dict` cannot forget anything.

    Args:
        preference: K positive numbers, the user's priorities; only their ratios matter. `None` = equal.
            Each method says in its docstring what a preference does there.
    """

    needs: ClassVar[Needs]
    #: Whether `observe_update` should get the losses of the same batch once more after the update.
    observes_update: ClassVar[bool] = False

    def __init__(self, *, preference: Sequence[float] | None = None) -> None:
        if preference is not None:
            values = np.asarray(preference, dtype=np.float64)
            if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(values <= 0):
                raise InvalidArgumentError(
                    f"{type(self).__name__}(preference=...) must be K positive numbers, got {preference!r}."
                )
        self.preference = None if preference is None else [float(value) for value in preference]
        self.state: dict[str, Any] = {}

    def start(
        self,
        n_tasks: int,
        *,
        reference_losses: Sequence[float] | None = None,
        preference: Sequence[float] | None = None,
    ) -> None:
        """Tell the method, once and before the first call, what is known about the tasks.

        Args:
            n_tasks: K.
            reference_losses: K losses of the best constant predictions, in the unit of the losses.
            preference: K positive numbers; used unless the constructor got its own.
        """
        if self.preference is None and preference is not None:
            self.preference = [float(value) for value in preference]
        self._check_length("preference", self.preference, n_tasks)

    @abstractmethod
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Return the K weights of the losses for this step.

        Args:
            losses: K losses, each the mean over the task's labelled rows. Non-finite ones count as inactive.
            gramian: K×K inner products of the tasks' gradients on the shared parameters
                (`NORMS`: only its diagonal is read).
            active: K booleans; an inactive task has no labelled row here, gets weight 0, and its state
                stays as it is. `None` = all.

        Returns:
            K weights, 0 for inactive tasks.
        """

    def observe_update(self, losses: Array) -> None:  # noqa: B027 - most methods do not look
        """Take the K losses of the same batch after the update (only if `observes_update`)."""

    def observe_validation(self, losses: Array) -> None:  # noqa: B027
        """Take the K losses on the validation data."""

    def end_epoch(self) -> None:  # noqa: B027
        """Take note that an epoch has ended."""

    @final
    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all state: numbers, lists, strings and arrays, nothing else."""
        return copy.deepcopy(self.state)

    @final
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of another object of the same class and the same arguments."""
        self.state = copy.deepcopy(dict(state))

    def _check_length(self, what: str, values: Sequence[float] | None, n_tasks: int) -> None:
        if values is not None and len(values) != n_tasks:
            raise InvalidArgumentError(
                f"{type(self).__name__} has {len(values)} values of {what} for {n_tasks} tasks: "
                "give one value per task."
            )

    def __repr__(self) -> str:
        from cotrain._base import parameters_of

        given = {name: value for name, value in parameters_of(self).items() if value is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


class LossRule(Balancer):
    """A method that looks at losses only: no extra backward pass and no host synchronisation.

    A subclass implements `_rule` with array-API operations that keep the shape (K,) and never branch on
    a value, so that losses on an accelerator stay there.
    """

    needs = Needs.LOSSES

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        xp = array_namespace(losses)
        _check_vector(self, losses)
        self._check_length("preference", self.preference, losses.shape[0])
        active_K = xp.isfinite(losses)
        if active is not None:
            active_K = active_K & xp.asarray(active, dtype=xp.bool, device=losses.device)
        safe_losses_K = xp.where(active_K, losses, xp.ones_like(losses))
        weights_K = self._rule(xp, safe_losses_K, active_K)
        if self.preference is not None:
            preference_K = xp.asarray(self.preference, dtype=losses.dtype, device=losses.device)
            weights_K = weights_K * (preference_K * (losses.shape[0] / sum(self.preference)))
        return xp.where(active_K, weights_K, xp.zeros_like(weights_K))

    @abstractmethod
    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        """Return K weights; `losses_K` is 1 where inactive, and what is returned there is ignored."""


class GramianRule(Balancer):
    """A method that looks at the inner products of the tasks' gradients.

    The K×K problem is solved in float64 NumPy whatever came in, on the active tasks alone, after the
    Gramian was divided by its mean diagonal, so that the unit of the gradients cannot matter.
    """

    needs = Needs.GRAMIAN

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        if gramian is None:
            raise InvalidArgumentError(
                f"{type(self).__name__} needs the Gramian: call weights(losses, gramian) with a K×K array."
            )
        gramian_KK = _to_float64(gramian)
        losses_K = _to_float64(losses)
        _check_vector(self, losses_K)
        n_tasks = losses_K.shape[0]
        if gramian_KK.shape != (n_tasks, n_tasks):
            raise InvalidArgumentError(
                f"{type(self).__name__} got a Gramian of shape {gramian_KK.shape} for {n_tasks} losses: "
                f"expected ({n_tasks}, {n_tasks})."
            )
        self._check_length("preference", self.preference, n_tasks)
        active_K = np.isfinite(losses_K) & np.isfinite(np.diagonal(gramian_KK))
        if active is not None:
            active_K &= _to_float64(active).astype(bool)
        index_A = np.flatnonzero(active_K)
        weights_K = np.zeros(n_tasks)
        if index_A.size:
            gramian_AA = gramian_KK[np.ix_(index_A, index_A)]
            gramian_AA = (gramian_AA + gramian_AA.T) / 2
            scale = np.trace(gramian_AA) / index_A.size
            if scale > 0:
                gramian_AA = gramian_AA / scale
            preference_A = np.ones(n_tasks) if self.preference is None else np.asarray(self.preference)
            preference_A = preference_A[index_A] / preference_A[index_A].mean()
            weights_K[index_A] = self._solve(gramian_AA, losses_K[index_A], preference_A, index_A)
        return weights_K

    @abstractmethod
    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        """Return the weights of the A active tasks.

        Args:
            gramian_AA: A×A, symmetric, mean diagonal 1 (or all zero).
            losses_A: the A losses.
            preference_A: A positive numbers of mean 1.
            index_A: their places among the K tasks, for state that is kept per task.
        """


def _to_float64(array: Array) -> np.ndarray:
    """Copy any array to host memory in float64 (also from types that NumPy lacks, such as bfloat16)."""
    if isinstance(array, (np.ndarray, list, tuple)):
        return np.array(array, dtype=np.float64)
    xp = array_namespace(array)
    detached = array.detach() if hasattr(array, "detach") else array
    wide = xp.astype(detached, xp.float64)
    return np.array(wide.cpu() if hasattr(wide, "cpu") else wide, dtype=np.float64)


def _check_vector(balancer: Balancer, losses: Array) -> None:
    if losses.ndim != 1 or losses.shape[0] == 0:
        raise InvalidArgumentError(
            f"{type(balancer).__name__}.weights got losses of shape {tuple(losses.shape)}: expected (K,)."
        )
