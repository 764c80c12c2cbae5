"""What may stand after the heads: a map from all tasks' outputs to all tasks' outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from cotrain.tasks import Task

#: Task -> tensor [N, T].
Labels = Mapping[str, Tensor]


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

    def implied(self, targets: Labels, masks: Labels) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return targets and masks with the labels that others imply filled in; default none are.

        Args:
            targets: task -> [N, T], coded; not changed.
            masks: task -> [N, T], True where labelled; not changed.
        """
        return dict(targets), dict(masks)

    def contradiction(self, targets: Labels, masks: Labels) -> str:
        """Return a sentence on labels that cannot stand together; empty if there are none."""
        return ""

    @abstractmethod
    def reads(self, task: str) -> tuple[str, ...]:
        """Return the other tasks whose heads this task's output is made of."""
