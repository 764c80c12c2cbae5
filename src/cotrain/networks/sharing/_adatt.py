"""Adaptive task-to-task fusion: every task reads every task's experts, and its own ones besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import check_number
from cotrain.networks._base import Encoder
from cotrain.networks._positions import mean_over_positions
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit, ExpertBank, even_groups
from cotrain.networks.sharing._gate_statistics import Health, Level, UnitMeter, assess
from cotrain.networks.sharing._gates import Gate
from cotrain.networks.sharing._mixing import mix, weighted_sum


@final
class AdaTT(Sharing):
    """Levels of experts that belong to units, one unit per task and one shared; each fuses all experts.

    hᵤˡ = Σᵢ gᵤˡ(hᵤˡ⁻¹)ᵢ fᵢˡ  (all experts)  + Σ_{i of unit u} vᵤᵢˡ fᵢˡ  (its own)

    fᵢˡ reads the representation of its unit; gᵤ = softmax(Wᵤ ·); vᵤ: learned numbers, at first 1 / the number
    of the unit's experts, and fixed at 1 for a single expert. The shared unit ends below the last level's
    fusion: its experts there are read by the tasks only. h⁰ = x, what the encoder's shared stages give; the
    stages after them are dealt out to the levels in turn.

    Source: Li et al., "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask Learning in
    Recommendations", 2023, https://arxiv.org/abs/2304.04959. With `shared_experts=0` it is its AdaTT-sp.

    Args:
        own_experts: experts of each task's unit a level, ≥ 1.
        shared_experts: experts of the shared unit a level, ≥ 0.
        levels: L, ≥ 1; the encoder needs at least as many stages after the shared ones.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1.
        gate_dropout: probability with which a gate leaves an expert out of a row in training, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = AdaTT(levels=2).build(lambda: MLP(hidden=(16, 8)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        own_experts: int = 1,
        shared_experts: int = 1,
        levels: int = 2,
        *,
        shared_stages: int = 1,
        gate_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_number(self, 1, own_experts=own_experts, levels=levels, shared_stages=shared_stages)
        check_number(self, 0, shared_experts=shared_experts)
        check_number(self, 0, 1, open_high=True, gate_dropout=gate_dropout)
        self.own_experts = own_experts
        self.shared_experts = shared_experts
        self.levels = levels
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, and the experts and fusions of every level."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages, needed=self.levels)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        sizes = [self.own_experts] * len(tasks) + [self.shared_experts] * (self.shared_experts > 0)
        chains = parts.chains(sum(sizes))
        self.fusions = nn.ModuleList()
        before = parts.trunk_width
        widths = list(parts.all_widths[: self.shared_stages])
        for group in even_groups(len(parts.widths), self.levels):
            width = parts.widths[group][-1]
            # In the last level nothing reads a fusion of the shared unit.
            n_fusions = len(tasks) if len(self.fusions) == self.levels - 1 else len(sizes)
            level_chains = [chain[group] for chain in chains]
            self.fusions.append(
                FusionLevel(
                    level_chains,
                    sizes,
                    n_fusions,
                    gate_width=before,
                    width=width,
                    gate_dropout=self.gate_dropout,
                )
            )
            before = width
            widths.append(width)
        self._width, self._level_widths = before, tuple(widths)
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's fusion at the last level."""
        shared = self.trunk(inputs)
        return {task: levels[-1] for task, levels in self._fused(shared, inputs).items()}

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and the task's fusion at each level."""
        shared = self.trunk(inputs, every=True)
        return {task: [*shared, *levels] for task, levels in self._fused(shared[-1], inputs).items()}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the shared stages and of the levels for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _fused(self, shared: Tensor, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        n_units = len(self.tasks) + (self.shared_experts > 0)
        hidden, mask, given = [shared] * n_units, self.trunk.mask_after(inputs), []
        fusions: list[Any] = list(self.fusions)
        for fusion in fusions:
            hidden = fusion(hidden, mask)
            mask = fusion.mask_after(mask)
            given.append(hidden)
        return {task: [level[k] for level in given] for k, task in enumerate(self.tasks)}

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of the last level's fusions."""
        mask = self.trunk.mask_after(inputs)
        fusions: list[Any] = list(self.fusions)
        for fusion in fusions:
            mask = fusion.mask_after(mask)
        return mask

    def widths(self) -> dict[str, int]:
        """Return the width of an expert of the last level for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's last gate and numbers v: everything below is read by other tasks too."""
        fusions: list[Any] = list(self.fusions)
        index = self.tasks.index(task)
        return [fusions[-1].gates[index], fusions[-1].natives[index]]

    def health(self) -> Health:
        """Return, level by level, each expert's load, the tasks' shares of it, and its dead units."""
        fusions: list[Any] = list(self.fusions)
        return assess([fusion.level(self.tasks) for fusion in fusions])


@final
class FusionLevel(nn.Module):
    """Experts of U units, and a fusion of all of them for the first of these units."""

    def __init__(
        self,
        chains: Sequence[Sequence[nn.Module]],
        sizes: Sequence[int],
        n_fusions: int,
        *,
        gate_width: int,
        width: int,
        gate_dropout: float,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.starts = [sum(sizes[:u]) for u in range(len(sizes))]
        self.banks = nn.ModuleList(
            ExpertBank(chains[start : start + size]) for start, size in zip(self.starts, sizes, strict=True)
        )
        self.gates = nn.ModuleList(Gate(gate_width, sum(sizes), gate_dropout) for _ in range(n_fusions))
        self.natives = nn.ModuleList(NativeSum(size) for size in sizes[:n_fusions])
        self.units = UnitMeter(sum(sizes), width)

    def forward(self, hidden: Sequence[Tensor], mask: Tensor | None = None) -> list[Tensor]:
        own = [bank(one, mask) for bank, one in zip(self.banks, hidden, strict=True)]
        experts = torch.cat(own)  # [E, B, ...]
        self.units(experts, self.mask_after(mask))
        gates = [
            gate(mean_over_positions(one, mask)) for gate, one in zip(self.gates, hidden, strict=False)
        ]  # U' × [B, E]
        fused = mix(gates, experts)
        return [fused[u] + native(own[u]) for u, native in enumerate(self.natives)]

    def mask_after(self, before: Tensor | None) -> Tensor | None:
        """Return the positions of what the experts give."""
        first: Any = self.banks[0]
        return first.mask_after(before)

    def level(self, tasks: Sequence[str]) -> Level:
        """Return what was counted of the tasks' gates."""
        owners = [*tasks, "shared"][: len(self.sizes)]
        names = [f"{owner} {i}" for owner, size in zip(owners, self.sizes, strict=True) for i in range(size)]
        gates: list[Any] = list(self.gates)[: len(tasks)]
        means = {task: gate.meter.mean() for task, gate in zip(tasks, gates, strict=True)}
        return Level(
            experts=names,
            # A task's own expert is not captured when that task uses it most.
            shared=[name.startswith("shared ") for name in names],
            dead_units=self.units.dead_units(),
            gates={task: dict(enumerate(mean)) for task, mean in means.items()},
            entropy={task: gate.meter.mean_entropy() for task, gate in zip(tasks, gates, strict=True)},
        )


@final
class NativeSum(nn.Module):
    """Σᵢ vᵢ fᵢ over a unit's own experts, [E, B, ...] -> [B, ...]; v = 1 for a single one."""

    def __init__(self, n_experts: int) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.full((n_experts,), 1 / n_experts)) if n_experts > 1 else None

    def forward(self, experts: Tensor) -> Tensor:
        return experts[0] if self.mixing is None else weighted_sum(self.mixing, experts)
