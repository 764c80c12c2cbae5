"""What may stand after the heads: a map from all tasks' outputs to all tasks' outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from cotrain.tasks import Task


class OutputSpace(nn.Module, ABC):
    """A rule by which a task's output is made of several heads' outputs.

    Example:
        A rule of one's own: the second task is at least as likely as the first.

        >>> import torch
        >>> class AtLeast(OutputSpace):
        ...     def forward(self, outputs):
        ...         return {**outputs, "b": torch.maximum(outputs["a"], outputs["b"])}
        ...     def check(self, tasks):
        ...         pass
        ...     def reads(self, task):
        ...         return ("a",) if task == "b" else ()
        >>> AtLeast()({"a": torch.tensor([2.0]), "b": torch.tensor([1.0])})["b"]
        tensor([2.])
    """

    @abstractmethod
    def forward(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's output from the outputs of the heads."""

    @abstractmethod
    def check(self, tasks: Sequence[Task]) -> None:
        """Raise InvalidArgumentError if the rule does not suit these tasks."""

    @abstractmethod
    def reads(self, task: str) -> tuple[str, ...]:
        """Return the other tasks whose heads this task's output is made of."""
