"""What every balancing method is: K weights from K losses and, if it asks for it, their Gramian.

Shapes: K tasks, P shared parameters. Everything here is framework-neutral: array-API operations on
whatever arrays the caller brings (NumPy, torch, ...) for rules on losses, float64 NumPy for K×K solvers.
"""

from __future__ import annotations

import copy
import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from cotrain._base import InvalidArgumentError, parameters_of
from cotrain.balancing._arrays import Array, masked_mean
from cotrain.balancing._saved_state import VERSION, check_saved_state, description_of


class Needs(enum.Enum):
    """What a method must be given besides the losses; the caller computes no more than that.

    Example:
        >>> from cotrain.balancing import UPGrad
        >>> UPGrad().needs
        <Needs.GRAMIAN: 'gramian'>
    """

    LOSSES = "losses"
    NORMS = "norms"  # the diagonal of the Gramian
    GRAMIAN = "gramian"
    JACOBIAN = "jacobian"
    CROSS = "cross"  # the Gramian J1 J2^T between independent batches


class Balancer(ABC):
    """A rule that gives each task's loss a weight.

    Subclass `LossRule`, `NormRule`, `GramianRule`, `CrossBatchRule` or `JacobianRule`, not this class. All
    that changes from call to call lives in the one dict `self.state`, which is never rebound, so that
    `state_dict` cannot forget anything.

    Args:
        preference: K positive numbers, the user's priorities; only their ratios matter. `None` = equal.
            Each method says in its docstring what a preference does there.
    """

    #: What `weights` has to be given. Read it afresh at every step: `Every` needs less between its solves.
    needs: Needs
    #: Whether a weight multiplies its whole loss, the head included. Otherwise weights are for the shared
    #: parameters only, and a head learns from its own loss at weight 1 (times the preference).
    weighs_losses: bool = False
    #: Whether `observe_update` should get the losses of the same batch once more after the update.
    observes_update: bool = False
    #: Whether `observe_validation` does anything.
    observes_validation: bool = False
    #: How many independent batches a step needs the losses of.
    batches: int = 1

    def __init__(self, *, preference: Sequence[float] | None = None) -> None:
        if preference is not None:
            try:
                values = np.asarray(preference, dtype=np.float64)
            except (TypeError, ValueError):  # a dict or a text
                values = np.empty((0, 0))
            if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(values <= 0):
                raise InvalidArgumentError(
                    f"{type(self).__name__}(preference={preference!r}): expected K positive numbers, in the "
                    "order of the tasks."
                )
        self.preference = None if preference is None else [float(value) for value in preference]
        self.state: dict[str, Any] = {}
        self._n_tasks: int | None = None
        self._n_tasks_of_state: int | None = None  # that of a loaded state, which fits no other number
        self._constants: dict[Any, Array] = {}

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
        self._n_tasks = n_tasks

    @abstractmethod
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Return the K weights of the losses for this step.

        Args:
            losses: K losses, each the mean over the task's labelled rows. Non-finite ones count as inactive.
            gramian: K×K inner products of the tasks' gradients on the shared parameters
                (`NORMS`: only its diagonal is read, and K squared norms will do; `CROSS`: between two
                independent batches, row i from the first).
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
        """Return a copy of all state, and whose it is: numbers, lists, strings and arrays, nothing else.

        `class`, `arguments`, `version` and `n_tasks` (K, once known) say which method it belongs to, `keys`
        what its `state` holds.
        """
        state = self._state_to_save()
        known = {**description_of(self), "version": VERSION, "n_tasks": self._n_tasks}
        return {**known, "keys": sorted(state), "state": copy.deepcopy(state)}

    @final
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of another object of the same class, arguments and number of tasks.

        A preference that `start` brings counts as an argument: call `start` first.

        Raises:
            InvalidArgumentError: for any other state, or one that is not whole; nothing is changed then.
        """
        self._check_state(state)
        self._take_state(state)

    def _state_to_save(self) -> dict[str, Any]:
        """Return the state as it is saved; only a wrapper's differs from `self.state`."""
        return self.state

    def _check_state(self, state: Mapping[str, Any]) -> None:
        """Refuse a saved state that cannot be taken over."""
        check_saved_state(self, state, self._n_tasks)

    def _take_state(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state that was checked."""
        self.state.clear()
        self.state.update(copy.deepcopy(dict(state["state"])))
        if state["n_tasks"] is not None:
            self._n_tasks = self._n_tasks_of_state = state["n_tasks"]

    def _check_length(self, what: str, values: Sequence[float] | None, n_tasks: int) -> None:
        if values is not None and len(values) != n_tasks:
            raise InvalidArgumentError(
                f"{type(self).__name__} has {len(values)} values of {what} for {n_tasks} tasks: "
                "give one value per task."
            )

    def _check_losses(self, losses: Array) -> None:
        if losses.ndim != 1 or losses.shape[0] == 0:
            raise InvalidArgumentError(
                f"{type(self).__name__} got losses of shape {tuple(losses.shape)}: expected (K,)."
            )
        n_tasks = int(losses.shape[0])
        self._check_length("preference", self.preference, n_tasks)
        if self._n_tasks_of_state not in (None, n_tasks):
            raise InvalidArgumentError(
                f"{type(self).__name__} has the state of {self._n_tasks_of_state} tasks and got {n_tasks}: "
                "pass all tasks and name the absent ones inactive, or start without a state."
            )
        self._n_tasks = n_tasks

    def _constant(self, xp: Any, values: Sequence[float], like: Array) -> Array:
        """Put K numbers beside `like`, copied to its device once and not at every step."""
        key = (tuple(values), like.dtype, like.device)
        if key not in self._constants:
            self._constants[key] = xp.asarray(list(values), dtype=like.dtype, device=like.device)
        return self._constants[key]

    def _preference_K(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        """Return the preference beside the losses, with mean 1 over the active tasks."""
        if self.preference is None:
            return xp.ones_like(losses_K)
        preference_K = self._constant(xp, self.preference, losses_K)
        mean = masked_mean(xp, preference_K, active_K)
        return preference_K / xp.where(mean > 0, mean, xp.ones_like(mean))

    def __repr__(self) -> str:
        given = {name: value for name, value in parameters_of(self).items() if value is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"
