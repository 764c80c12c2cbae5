"""Levels of shared and task-specific experts: what CGC has one of and PLE several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from cotrain._base import check_number
from cotrain.networks._base import Encoder
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._cgc_level import ExtractionLevel, experts_per_task
from cotrain.networks.sharing._encoder_split import EncoderSplit, even_groups
from cotrain.networks.sharing._gate_statistics import Health, assess


class Extraction(Sharing):
    """L levels of shared experts and experts of each task's own, mixed by a gate per task and level.

    Args:
        shared_experts: Es a level, ≥ 1.
        own_experts: Ek a level, ≥ 1, one number for all tasks or one per task name.
        levels: L, ≥ 1.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1.
        gate_dropout: see `Gate`.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.
    """

    def __init__(
        self,
        shared_experts: int,
        own_experts: int | Mapping[str, int],
        levels: int,
        *,
        shared_stages: int,
        gate_dropout: float,
    ) -> None:
        super().__init__()
        check_number(self, 1, shared_experts=shared_experts, levels=levels, shared_stages=shared_stages)
        if not isinstance(own_experts, Mapping):
            check_number(self, 1, own_experts=own_experts)
        check_number(self, 0, 1, open_high=True, gate_dropout=gate_dropout)
        self.shared_experts = shared_experts
        self.own_experts = own_experts
        self.levels = levels
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, and the experts and gates of every level."""
        own = experts_per_task(self, self.own_experts, tasks)
        parts = EncoderSplit(self, make_encoder, self.shared_stages, needed=self.levels)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        chains = parts.chains(self.shared_experts + sum(own))
        self.extractions = nn.ModuleList()
        before = parts.trunk_width
        widths = list(parts.all_widths[: self.shared_stages])
        for group in even_groups(len(parts.widths), self.levels):
            width = parts.widths[group][-1]
            level = ExtractionLevel(
                [chain[group] for chain in chains],
                self.shared_experts,
                own,
                gate_width=before,
                width=width,
                gate_dropout=self.gate_dropout,
                last=len(self.extractions) == self.levels - 1,
            )
            self.extractions.append(level)
            before = width
            widths.append(width)
        self._width, self._level_widths = before, tuple(widths)
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture at the last level."""
        shared = self.trunk(inputs)
        return {task: levels[-1] for task, levels in self._mixed(shared, inputs).items()}

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and the task's mixture at each level."""
        shared = self.trunk(inputs, every=True)
        return {task: [*shared, *levels] for task, levels in self._mixed(shared[-1], inputs).items()}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the shared stages and of the levels for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _mixed(self, shared: Tensor, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        mask = self.trunk.mask_after(inputs)
        hidden, given = [shared] * len(self.tasks), []
        extractions: list[Any] = list(self.extractions)
        for extraction in extractions:
            hidden, shared = extraction(hidden, shared, mask)
            mask = extraction.mask_after(mask)
            given.append(hidden)
        return {task: [level[k] for level in given] for k, task in enumerate(self.tasks)}

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of the last level's mixtures."""
        mask = self.trunk.mask_after(inputs)
        extractions: list[Any] = list(self.extractions)
        for extraction in extractions:
            mask = extraction.mask_after(mask)
        return mask

    def widths(self) -> dict[str, int]:
        """Return the width of an expert of the last level for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's experts and gate of the last level, and its gate of the level below.

        Further down the shared mixture, and with it every task, reads the experts of all.
        """
        extractions: list[Any] = list(self.extractions)
        index = self.tasks.index(task)
        own = extractions[-1].task_modules(index)
        return own if len(extractions) == 1 else [*own, extractions[-2].gates[index]]

    def health(self) -> Health:
        """Return, level by level, each expert's load, the tasks' shares of it, and its dead units."""
        extractions: list[Any] = list(self.extractions)
        return assess([extraction.level(self.tasks) for extraction in extractions])
