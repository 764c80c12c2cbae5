"""How often each task was left out of a step because its loss or gradient was not finite."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from cotrain.gradients._step_losses import StepLosses

_log = logging.getLogger("cotrain")


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
            self._counts_K = counts_K if self._counts_K is None else self._counts_K + counts_K
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
