"""One level of shared and task-specific experts: what CGC has one of and PLE several.

Shapes: K tasks, B batch; Es shared experts, Ek experts of task k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError, check_entries, did_you_mean
from cotrain.networks._positions import mean_over_positions
from cotrain.networks.sharing._encoder_split import ExpertBank
from cotrain.networks.sharing._gate_statistics import Level, UnitMeter
from cotrain.networks.sharing._gates import Gate
from cotrain.networks.sharing._mixing import mix


def experts_per_task(owner: object, own_experts: int | Mapping[str, int], tasks: Sequence[str]) -> list[int]:
    """Return Ek for each task, from one number for all or a number per task name."""
    if isinstance(own_experts, int):
        return [own_experts] * len(tasks)
    for name in own_experts:
        if name not in tasks:
            raise InvalidArgumentError(
                f"{type(owner).__name__}(own_experts=...) names the task {name!r}: "
                f"{did_you_mean(name, tasks)}"
            )
    missing = [task for task in tasks if task not in own_experts]
    if missing:
        raise InvalidArgumentError(
            f"{type(owner).__name__}(own_experts={dict(own_experts)!r}) has no number for the task "
            f"{missing[0]!r}: give one per task, or one for all."
        )
    check_entries(owner, 1, own_experts={task: own_experts[task] for task in tasks})
    return [own_experts[task] for task in tasks]


@final
class ExtractionLevel(nn.Module):
    """Experts of all and of each task, a gate per task over both, and a gate over everything if not the last.

    Args:
        chains: stages of the Es shared experts first, then of each task's.
        n_shared: Es.
        n_own: Ek per task.
        gate_width: D of what the gates read.
        width: D of what the experts give.
        gate_dropout: see `Gate`.
        last: whether there is no level above, so that nothing reads a mixture for the shared experts.
    """

    def __init__(
        self,
        chains: Sequence[Sequence[nn.Module]],
        n_shared: int,
        n_own: Sequence[int],
        *,
        gate_width: int,
        width: int,
        gate_dropout: float,
        last: bool,
    ) -> None:
        super().__init__()
        self.n_shared = n_shared
        self.shared_bank = ExpertBank(chains[:n_shared])
        banks, start = [], n_shared
        for count in n_own:
            banks.append(ExpertBank(chains[start : start + count]))
            start += count
        # One bank per owner: the experts of a task are its own parameters, apart from everybody's.
        self.own_banks = nn.ModuleList(banks)
        self.gates = nn.ModuleList(Gate(gate_width, n_shared + count, gate_dropout) for count in n_own)
        self.shared_gate = None if last else Gate(gate_width, n_shared + sum(n_own), gate_dropout)
        self.units = UnitMeter(n_shared + sum(n_own), width)

    def forward(
        self, hidden: Sequence[Tensor], shared: Tensor, mask: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Map the tasks' representations and the shared one to the next level's.

        Args:
            hidden: K representations [B, ...].
            shared: [B, ...].
            mask: of the positions of all of them, [B, S]; `None`: all.
        """
        own = [bank(one, mask) for bank, one in zip(self.own_banks, hidden, strict=True)]  # K × [Ek, B, ...]
        common = self.shared_bank(shared, mask)  # [Es, B, ...]
        if self.units.counting:
            watched = torch.cat([part[:, :32].detach() for part in (common, *own)])
            self.units(watched, self.mask_after(mask))
        gates = [
            gate(mean_over_positions(one, mask)) for gate, one in zip(self.gates, hidden, strict=True)
        ]  # K × [B, Es + Ek]
        from_shared = mix([gate[:, : self.n_shared] for gate in gates], common)
        mixed = [from_shared[k] + mix([gate[:, self.n_shared :]], own[k])[0] for k, gate in enumerate(gates)]
        if self.shared_gate is None:
            return mixed, shared
        parts = [common, *own]
        gate = self.shared_gate(mean_over_positions(shared, mask)).split([len(part) for part in parts], dim=1)
        sums = [mix([weights], part)[0] for weights, part in zip(gate, parts, strict=True)]
        return mixed, torch.stack(sums).sum(dim=0)

    def mask_after(self, before: Tensor | None) -> Tensor | None:
        """Return the positions of what the level gives."""
        return self.shared_bank.mask_after(before)

    def task_modules(self, index: int) -> list[nn.Module]:
        """Return the experts and the gate of one task."""
        return [self.own_banks[index], self.gates[index]]

    def level(self, tasks: Sequence[str]) -> Level:
        """Return what was counted."""
        names = [f"shared {i}" for i in range(self.n_shared)]
        gates: dict[str, dict[int, float]] = {}
        entropy: dict[str, float] = {}
        modules: list[Any] = list(self.gates)
        for task, gate in zip(tasks, modules, strict=True):
            means = gate.meter.mean()
            n_own = len(means) - self.n_shared
            indices = [*range(self.n_shared), *range(len(names), len(names) + n_own)]
            gates[task] = dict(zip(indices, means, strict=True))
            entropy[task] = gate.meter.mean_entropy()
            names += [f"{task} {i}" for i in range(n_own)]
        shared = [i < self.n_shared for i in range(len(names))]
        return Level(names, shared, self.units.dead_units(), gates, entropy)
