"""The network that is trained: a sharing architecture and one head per task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from torch import Tensor, nn

from cotrain.networks.sharing._base import Sharing


@final
class MultiTaskModel(nn.Module):
    """A sharing architecture with a head per task.

    Args:
        sharing: a built architecture.
        heads: one module per task name, from the task's representation to its output.

    Example:
        >>> import torch
        >>> from cotrain._base import InputSpec
        >>> from cotrain.networks import HardSharing, TableEncoder
        >>> spec = InputSpec(n_numbers=3)
        >>> sharing = HardSharing().build(lambda: TableEncoder(width=8).build(spec), ["a", "b"])
        >>> model = MultiTaskModel(sharing, {"a": torch.nn.Linear(8, 1), "b": torch.nn.Linear(8, 4)})
        >>> model({"numbers": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 4])
    """

    def __init__(self, sharing: Sharing, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.sharing = sharing
        self.tasks = tuple(heads)
        # A list, because task names may hold characters that module names may not.
        self.heads = nn.ModuleList(heads.values())

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's output."""
        representations = self.sharing(inputs)
        return {task: head(representations[task]) for task, head in zip(self.tasks, self.heads, strict=True)}

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task can use."""
        return self.sharing.shared_parameters()

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        """Return the parameters that only this task uses, its head included."""
        head = self.heads[self.tasks.index(task)]
        return [*self.sharing.task_parameters(task), *head.parameters()]
