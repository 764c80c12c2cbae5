"""What may stand after the heads: a map from all tasks' outputs to all tasks' outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from cotrain.tasks import Task


class OutputSpace(nn.Module, ABC):
    """A rule by which a task's output is made of several heads' outputs."""

    @abstractmethod
    def forward(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's output from the outputs of the heads."""

    @abstractmethod
    def check(self, tasks: Sequence[Task]) -> None:
        """Raise InvalidArgumentError if the rule does not suit these tasks."""

    @abstractmethod
    def reads(self, task: str) -> tuple[str, ...]:
        """Return the other tasks whose heads this task's output is made of."""
