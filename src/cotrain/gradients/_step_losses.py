"""The losses of one step, put in the order of the tasks, and the count of those that were left out."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, did_you_mean

_log = logging.getLogger("cotrain")


@dataclass(frozen=True)
class StepLosses:
    """The losses of one call; A of the K tasks are present.

    Args:
        n_tasks: K.
        places: the present tasks' places among the K tasks, in the order of `live`.
        live: the A losses with their graphs.
        values_A: their values, detached, at least float32.
    """

    n_tasks: int
    places: tuple[int, ...]
    live: tuple[Tensor, ...]
    values_A: Tensor

    @functools.cached_property
    def finite_A(self) -> np.ndarray:
        """Which values are finite, for values in host memory; elsewhere this would wait for the device."""
        return np.isfinite(self.values_A.numpy())

    def losses_K(self) -> Tensor:
        """Return all K values, 0 where absent."""
        if len(self.places) == self.n_tasks:
            return self.values_A
        full = self.values_A.new_zeros(self.n_tasks)
        return full.index_copy_(0, self.index(), self.values_A)

    def present_K(self) -> Tensor:
        """Return which of the K tasks are present."""
        if len(self.places) == self.n_tasks:
            return torch.ones(self.n_tasks, dtype=torch.bool, device=self.values_A.device)
        present = torch.zeros(self.n_tasks, dtype=torch.bool, device=self.values_A.device)
        return present.index_fill_(0, self.index(), True)

    def present(self) -> np.ndarray | None:
        """Return which of the K tasks are present, in host memory; `None`: all."""
        if len(self.places) == self.n_tasks:
            return None
        present_K = np.zeros(self.n_tasks, dtype=bool)
        present_K[list(self.places)] = True
        return present_K

    def of_present(self, values_K: np.ndarray) -> np.ndarray:
        """Return the values of the present tasks."""
        return values_K if len(self.places) == self.n_tasks else values_K[list(self.places)]

    def index(self) -> Tensor:
        """Return `places` beside the values; not to be written to."""
        return places_on(self.places, self.values_A.device)


@functools.lru_cache(maxsize=256)
def places_on(places: tuple[int, ...], device: torch.device) -> Tensor:
    """Copy the places of a set of tasks to a device once, for each copy waits for it; not to be written to.

    The latest sets are kept, not all: with 40 half-labelled tasks nearly every batch has another one.
    """
    return torch.tensor(places, dtype=torch.long, device=device)


#: What a step can be given: losses by task, or one for each task in order (`None`: absent), or a vector of K.
Losses = Mapping[str, Tensor] | Sequence[Tensor | None] | Tensor


def losses_by_task(losses: Losses, tasks: Sequence[str] | None) -> dict[str, Tensor]:
    """Give the losses of a list or vector the names of their tasks.

    Args:
        losses: task -> loss; or a list with one loss per task in the order of the tasks, `None` where absent;
            or a tensor of K losses, such as the losses of K rows.
        tasks: the K names; `None`: not known yet, then they are "0", "1", ...

    Raises:
        InvalidArgumentError: for anything else, or another number of losses than tasks.

    Example:
        >>> sorted(losses_by_task(torch.ones(2), None))
        ['0', '1']
    """
    if isinstance(losses, Mapping):
        return dict(losses)
    if isinstance(losses, Tensor):
        if losses.ndim != 1:
            raise InvalidArgumentError(
                f"A tensor of losses must have one axis, the K tasks, got shape {tuple(losses.shape)}: take "
                "the mean over the other axes, or pass a dict from task to scalar loss."
            )
        given: list[Tensor | None] = [losses[place] for place in range(len(losses))]
    elif isinstance(losses, (list, tuple)):
        given = list(losses)
        for loss in given:
            if loss is not None and not isinstance(loss, Tensor):
                raise InvalidArgumentError(
                    f"A list of losses must hold scalar tensors, or None where a task is absent, got "
                    f"{type(loss).__name__}: pass [loss_a, loss_b] or a dict from task to loss."
                )
    else:
        raise InvalidArgumentError(
            f"The losses of a step must be a dict from task to loss, a list or a tensor of K losses, got "
            f"{type(losses).__name__}: pass balance.backward({{'a': loss_a, 'b': loss_b}})."
        )
    names = [str(place) for place in range(len(given))] if tasks is None else list(tasks)
    if len(given) != len(names):
        raise InvalidArgumentError(
            f"Got {len(given)} losses for {len(names)} tasks: pass one for each in their order, None where a "
            "task is absent, or a dict from task to loss."
        )
    return {name: loss for name, loss in zip(names, given, strict=True) if loss is not None}


def order_losses(losses: Mapping[str, Tensor], tasks: Sequence[str], device: torch.device) -> StepLosses:
    """Sort the losses by task and check them.

    Args:
        losses: task -> scalar with a graph; any subset of the tasks.
        tasks: the K names.
        device: where the values go when no loss is present.

    Raises:
        InvalidArgumentError: for an unknown task, a loss that is no scalar, or one without a graph.
    """
    for name, loss in losses.items():
        if (
            name not in tasks
            or not isinstance(loss, Tensor)
            or loss.numel() != 1
            or not loss.requires_grad
            or loss.is_complex()
        ):
            _refuse(name, loss, tasks)
    places = tuple([place for place, name in enumerate(tasks) if name in losses])
    live = tuple([losses[tasks[place]] for place in places])
    if not live:
        return StepLosses(len(tasks), (), (), torch.zeros(0, device=device))
    if any(loss.ndim for loss in live):
        live = tuple([loss.reshape(()) for loss in live])
    roots = {loss.grad_fn for loss in live}
    if len(roots) < len(live) or None in roots:
        # Outputs of one node (unbind), one loss for two tasks, or a parameter: each needs a root of its own.
        with torch.enable_grad():
            live = tuple([loss.clone() for loss in live])
    kinds = {loss.dtype for loss in live}
    with torch.no_grad():
        if kinds == {torch.float32}:
            values_A = torch.stack(live)
        else:
            dtype = torch.float32
            for kind in kinds:
                dtype = torch.promote_types(dtype, kind)
            values_A = torch.stack([loss.to(dtype) for loss in live])
    return StepLosses(len(tasks), places, live, values_A)


def _refuse(name: str, loss: object, tasks: Sequence[str]) -> NoReturn:
    if name not in tasks:
        raise InvalidArgumentError(f"There is no task {name!r}: {did_you_mean(name, tasks)}")
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shown = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise InvalidArgumentError(
            f"The loss of task {name!r} must be a scalar tensor, got {shown}: take the mean over its "
            "labelled rows."
        )
    if loss.is_complex():
        raise InvalidArgumentError(
            f"The loss of task {name!r} is complex, and only a real number can be minimised: take its real "
            "part or its absolute value."
        )
    raise InvalidArgumentError(
        f"The loss of task {name!r} does not depend on any trainable parameter: leave the task out of the "
        "dict when the batch has no label for it, and compute losses outside of torch.no_grad()."
    )


class SkipCounter:
    """Counts per task, on the losses' device, so that nothing waits for them."""

    def __init__(self) -> None:
        self._counts_K: Tensor | None = None
        self._broken_K: Tensor | None = None
        self._warned: set[str] = set()

    @property
    def counts_K(self) -> Tensor | None:
        """The counts with those of the last step; `None` before the first."""
        if self._broken_K is not None:
            counts_K = self._broken_K.long()
            # Counts that were loaded may lie on another device than the losses.
            held_K = torch.zeros_like(counts_K) if self._counts_K is None else self._counts_K
            self._counts_K = held_K.to(counts_K.device) + counts_K
            self._broken_K = None
        return self._counts_K

    @counts_K.setter
    def counts_K(self, counts_K: Tensor | None) -> None:
        self._counts_K, self._broken_K = counts_K, None

    def start(self, call: StepLosses, broken_A: Tensor) -> None:
        """Start the record of a step; hooks may add to it until the next one."""
        self._counts_K = self.counts_K
        if len(call.places) == call.n_tasks:
            self._broken_K = broken_A.to(call.values_A.device)
        else:
            none_K = torch.zeros(call.n_tasks, dtype=torch.bool, device=call.values_A.device)
            self._broken_K = none_K.index_copy_(0, call.index(), broken_A.to(none_K.device))

    def start_clean(self, call: StepLosses) -> None:
        """Start the record of a step in which no loss is broken, in host memory."""
        self._counts_K = self.counts_K
        if self._counts_K is None:
            self._counts_K = torch.zeros(call.n_tasks, dtype=torch.long)

    def drop(self, place: int, finite: Tensor) -> None:
        """Take note of a gradient that a hook looked at."""
        if self._broken_K is None and self._counts_K is not None:
            self._broken_K = torch.zeros_like(self._counts_K, dtype=torch.bool)
        if self._broken_K is not None:
            self._broken_K[place] |= ~finite

    def warn(self, task: str) -> None:
        """Say once that a task is left out."""
        if task not in self._warned:
            self._warned.add(task)
            _log.warning(
                "The loss or gradient of task %r is not finite: the task is left out of such steps, which "
                "balance.skipped counts.",
                task,
            )
