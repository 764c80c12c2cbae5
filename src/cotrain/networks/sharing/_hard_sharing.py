"""One encoder for all tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks.sharing._base import Sharing


class HardSharing(Sharing):
    """One encoder whose representation every task's head reads ("shared bottom").

    hₖ = f(x) for every task k, with f the encoder.

    The oldest and cheapest way, and the first to try; with unrelated tasks they compete for f.

    Source: Caruana, "Multitask Learning", 1997, https://doi.org/10.1023/A:1007379606734

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import HardSharing, TableEncoder
        >>> spec = InputSpec(n_numbers=3)
        >>> sharing = HardSharing().build(lambda: TableEncoder(width=8).build(spec), ["a", "b"])
        >>> sharing({"numbers": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the one encoder."""
        self.tasks = tuple(tasks)
        self.encoder = make_encoder()
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the same representation for every task."""
        representation = self.encoder(inputs)
        return dict.fromkeys(self.tasks, representation)

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return what every stage gives, the same for every task."""
        levels = self.encoder.levels(inputs)
        return {task: list(levels) for task in self.tasks}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, tuple(self.encoder.widths))

    def widths(self) -> dict[str, int]:
        """Return the encoder's width for every task."""
        return dict.fromkeys(self.tasks, self.encoder.width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return nothing: all is shared."""
        return []
