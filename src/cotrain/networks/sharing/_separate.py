"""One network per task and nothing shared: the reference that sharing has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, final

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks.sharing._base import Sharing


@final
class Separate(Sharing):
    """One encoder per task; hₖ = fₖ(x).

    Nothing is shared, so there is nothing to balance: gradient methods have no shared parameters here.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = Separate().build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape, sharing.shared_parameters()
        (torch.Size([5, 8]), [])
    """

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make an encoder per task."""
        self.tasks = tuple(tasks)
        encoders = [make_encoder() for _ in self.tasks]
        self.encoders = nn.ModuleList(encoders)
        self._widths = {task: encoder.width for task, encoder in zip(self.tasks, encoders, strict=True)}
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's own representation."""
        return {task: encoder(inputs) for task, encoder in zip(self.tasks, self.encoders, strict=True)}

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return what every stage of each task's own encoder gives."""
        encoders: list[Any] = list(self.encoders)
        return {task: encoder.levels(inputs) for task, encoder in zip(self.tasks, encoders, strict=True)}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the stages of each task's encoder."""
        encoders: list[Any] = list(self.encoders)
        return {task: tuple(encoder.widths) for task, encoder in zip(self.tasks, encoders, strict=True)}

    def widths(self) -> dict[str, int]:
        """Return the width of each task's encoder."""
        return dict(self._widths)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's encoder."""
        return [self.encoders[self.tasks.index(task)]]
