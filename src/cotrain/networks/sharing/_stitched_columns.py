"""Columns of stages that exchange what they have found: what cross-stitch and NDDR have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from torch import Tensor, nn

from cotrain._base import check_number
from cotrain.networks._base import Encoder
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit
from cotrain.networks.sharing._task_columns import TaskColumns


class StitchedColumns(Sharing):
    """One column of stages per task, and after each stage a unit that a subclass gives.

    Args:
        own: weight of a task's own column at first, in [0, 1].
        shared_stages: first stages of the encoder that there is only one of, ≥ 0.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.
    """

    def __init__(self, own: float = 0.9, *, shared_stages: int = 1) -> None:
        super().__init__()
        check_number(self, 0, 1, own=own)
        check_number(self, 0, shared_stages=shared_stages)
        self.own = own
        self.shared_stages = shared_stages

    @abstractmethod
    def unit(self, n_tasks: int, width: int) -> nn.Module:
        """Return a new unit [K, B, D, ...] -> [K, B, D, ...].

        Args:
            n_tasks: K.
            width: D.
        """

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make a column per task and a unit per stage."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.units = nn.ModuleList(self.unit(len(tasks), width) for width in parts.widths)
        self.columns = TaskColumns(parts, len(tasks))
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the last unit gives each task."""
        return dict(zip(self.tasks, self.columns(inputs, self.units)[-1], strict=True))

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and what the unit after each of the others gives the task."""
        shared, given = self.columns.levels(inputs, self.units)
        return {task: [*shared, *(level[k] for level in given)] for k, task in enumerate(self.tasks)}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of what the last unit gives."""
        return self.columns.masks(inputs)[-1]

    def widths(self) -> dict[str, int]:
        """Return the width of a column for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return nothing: through the units every task uses every column."""
        return []
