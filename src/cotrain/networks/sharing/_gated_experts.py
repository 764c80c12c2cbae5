"""Experts that all tasks share, and a gate per task over them: what MMoE and DSelect-k have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks._positions import mean_over_positions
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit, ExpertBank
from cotrain.networks.sharing._gate_statistics import Health, Level, UnitMeter, assess
from cotrain.networks.sharing._mixing import mix


class GatedExperts(Sharing):
    """hₖ = Σᵢ gₖ(x)ᵢ fᵢ(x) over E experts, with a gate gₖ of each task's own that a subclass gives.

    The experts are copies of the encoder's stages after the shared ones, computed as one batched product
    where the stages allow it.
    """

    experts: int
    shared_stages: int

    @abstractmethod
    def gate(self, width: int) -> nn.Module:
        """Return a new gate [B, D] -> [B, E] with a `meter` that counts what it gives.

        Args:
            width: D.
        """

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, the experts and a gate per task."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        self.bank = ExpertBank(parts.chains(self.experts))
        self.gates = nn.ModuleList(self.gate(parts.trunk_width) for _ in self.tasks)
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        self.units = UnitMeter(self.experts, self._width)
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture of the experts."""
        hidden, mask = self.trunk(inputs), self.trunk.mask_after(inputs)
        experts = self.bank(hidden, mask)  # [E, B, ...]
        self.units(experts, self.bank.mask_after(mask))
        vector = mean_over_positions(hidden, mask)
        gates = [gate(vector) for gate in self.gates]  # K × [B, E]
        return dict(zip(self.tasks, mix(gates, experts), strict=True))

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and each task's mixture of what the experts give after each of theirs."""
        shared, mask = self.trunk(inputs, every=True), self.trunk.mask_after(inputs)
        vector = mean_over_positions(shared[-1], mask)
        gates = [gate(vector) for gate in self.gates]
        mixed = [mix(gates, experts) for experts in self.bank.levels(shared[-1], mask)]
        return {task: [*shared, *(level[k] for level in mixed)] for k, task in enumerate(self.tasks)}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of what the experts give."""
        return self.bank.mask_after(self.trunk.mask_after(inputs))

    def widths(self) -> dict[str, int]:
        """Return the width of an expert for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's gate."""
        return [self.gates[self.tasks.index(task)]]

    def health(self) -> Health:
        """Return each expert's load, the share that each task takes of it, and its dead units."""
        modules: list[Any] = list(self.gates)
        gates = dict(zip(self.tasks, modules, strict=True))
        level = Level(
            experts=[str(i) for i in range(self.experts)],
            shared=[True] * self.experts,
            dead_units=self.units.dead_units(),
            gates={task: dict(enumerate(gate.meter.mean())) for task, gate in gates.items()},
            entropy={task: gate.meter.mean_entropy() for task, gate in gates.items()},
        )
        return assess([level])
