"""The network that is trained: a sharing architecture and one head per task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.networks._output_space import OutputSpace
from cotrain.networks.sharing._base import Sharing


@final
class MultiTaskNetwork(nn.Module):
    """A sharing architecture with a head per task.

    Args:
        sharing: a built architecture.
        heads: one module per task name, from the task's representation to its output.
        output_space: how the tasks' outputs are made of the heads', such as `ESMM`; `None`: each of its own.

    Raises:
        InvalidArgumentError: if the heads are not those of the architecture's tasks.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import HardSharing, TableEncoder
        >>> spec = InputSpec(n_numbers=3)
        >>> sharing = HardSharing().build(lambda: TableEncoder(width=8).build(spec), ["a", "b"])
        >>> model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(8, 1), "b": torch.nn.Linear(8, 4)})
        >>> model({"numbers": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 4])
    """

    def __init__(
        self, sharing: Sharing, heads: Mapping[str, nn.Module], output_space: OutputSpace | None = None
    ) -> None:
        super().__init__()
        if set(heads) != set(sharing.tasks):
            raise InvalidArgumentError(
                f"MultiTaskNetwork(heads=...) has heads for {sorted(heads)}, but the architecture was built "
                f"for the tasks {sorted(sharing.tasks)}: give one head per task."
            )
        self.sharing = sharing
        self.tasks = tuple(heads)
        # A list, because task names may hold characters that module names may not.
        self.heads = nn.ModuleList(heads.values())
        self.output_space = output_space
        sharing.attach(heads)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's output."""
        representations = self.sharing(inputs)
        heads = dict(zip(self.tasks, self.heads, strict=True))
        outputs: dict[str, Tensor] = {}
        # In the architecture's order, in which a task may read the outputs of those before it.
        for task in self.sharing.tasks:
            outputs[task] = heads[task](self.sharing.refine(task, representations[task], outputs))
        return outputs if self.output_space is None else self.output_space(outputs)

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task can use, those that learn."""
        own = {id(parameter) for task in self.tasks for parameter in self.task_parameters(task)}
        return [p for p in self.parameters() if p.requires_grad and id(p) not in own]

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        """Return the parameters that only this task uses, its head included."""
        if self.output_space is not None and any(task in self.output_space.reads(t) for t in self.tasks):
            # Another task's output is made of this one's head, and so of all that is under it.
            return []
        head = self.heads[self.tasks.index(task)]
        return [*self.sharing.task_parameters(task), *(p for p in head.parameters() if p.requires_grad)]
