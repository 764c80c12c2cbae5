"""How gates and experts fare: what is counted in training, and what is said about it.

Counting stays on the device and never synchronises; numbers are read when `health()` is asked for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor, nn

from cotrain.networks.sharing._last_value import exporting

#: An expert is dead if the gates give it less than this part of an even share.
DEAD = 0.1
#: A shared expert is captured if one task gives it at least this part of all the weight it gets.
CAPTURED = 0.9
#: Rows of a batch on which units are watched: enough over an epoch, and nearly free.
_WATCHED_ROWS = 32


@dataclass(frozen=True)
class Health:
    """What was counted, as plain values.

    Args:
        records: one dict per expert: "level" (from 0), "expert" (its name), "shared" (whether several
            tasks can use it), "load" (mean gate over the tasks that can use it), "even" (the load if all
            were alike), "share" (task -> part of the weight that it gives, summing to 1), "dead_units"
            (part of its units whose output does not vary), "dead" and "captured_by" (task or None).
        entropy: level -> task -> mean entropy of the task's gate, 1 = even, 0 = one expert only.
        sentence: what is wrong, in plain words, or that nothing is; empty if nothing was counted.

    Example:
        >>> from cotrain.networks import MLP, InputSpec, MMoE
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = MMoE(experts=2).build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> _ = sharing({"inputs": torch.randn(64, 3)})
        >>> [record["expert"] for record in sharing.health().records]
        ['0', '1']
    """

    records: list[dict[str, object]] = field(default_factory=list)
    entropy: list[dict[str, float]] = field(default_factory=list)
    sentence: str = ""


class Meter(nn.Module, ABC):
    """Something that counts in training mode and can be set to zero."""

    @final
    @property
    def counting(self) -> bool:
        """Whether to count now: in training, and not while the network is being exported."""
        return self.training and not exporting()

    @abstractmethod
    def reset(self) -> None:
        """Start anew."""


@final
class GateMeter(Meter):
    """Sums a gate's outputs [B, E] and their entropies."""

    load: Tensor
    entropy: Tensor
    rows: Tensor

    def __init__(self, n_experts: int) -> None:
        super().__init__()
        self.register_buffer("load", torch.zeros(n_experts), persistent=False)
        self.register_buffer("entropy", torch.zeros(()), persistent=False)
        self.register_buffer("rows", torch.zeros(()), persistent=False)

    def forward(self, gate: Tensor) -> None:
        if self.counting:
            with torch.no_grad():
                self.load += gate.sum(dim=0)
                self.entropy -= torch.xlogy(gate, gate).sum()
                self.rows += gate.shape[0]

    def reset(self) -> None:
        self.load.zero_()
        self.entropy.zero_()
        self.rows.zero_()

    def mean(self) -> list[float]:
        """Return the mean gate of each expert."""
        return (self.load / self.rows).tolist()

    def mean_entropy(self) -> float:
        """Return the mean entropy divided by that of an even gate."""
        largest = torch.log(torch.tensor(float(max(self.load.shape[0], 2))))
        return float(self.entropy.cpu() / self.rows.cpu() / largest)


@final
class UnitMeter(Meter):
    """Keeps the least and largest output of every unit of experts [E, B, ...], on a few rows a batch.

    Padding, where the mask [B, S] is False, does not count.
    """

    least: Tensor
    largest: Tensor

    def __init__(self, n_experts: int, width: int) -> None:
        super().__init__()
        self.register_buffer("least", torch.full((n_experts, width), float("inf")), persistent=False)
        self.register_buffer("largest", torch.full((n_experts, width), float("-inf")), persistent=False)

    def forward(self, experts: Tensor, mask: Tensor | None = None) -> None:
        if self.counting:
            with torch.no_grad():
                watched = experts[:, :_WATCHED_ROWS]
                # Maps [E, B, D, H, W] have their width in front of the positions.
                watched = watched.movedim(2, -1) if watched.dim() == 5 else watched
                flat = watched.reshape(watched.shape[0], -1, watched.shape[-1])
                least, largest = flat, flat
                if mask is not None and watched.dim() == 4:
                    padding = ~mask[:_WATCHED_ROWS].reshape(1, -1, 1)
                    least = flat.masked_fill(padding, float("inf"))
                    largest = flat.masked_fill(padding, float("-inf"))
                self.least.copy_(torch.minimum(self.least, least.amin(dim=1)))
                self.largest.copy_(torch.maximum(self.largest, largest.amax(dim=1)))

    def reset(self) -> None:
        self.least.fill_(float("inf"))
        self.largest.fill_(float("-inf"))

    def dead_units(self) -> list[float]:
        """Return the part of each expert's units whose output does not vary over the rows."""
        size = torch.maximum(self.largest.abs(), self.least.abs())
        return (self.largest - self.least <= 1e-6 * size).float().mean(dim=1).tolist()


@dataclass(frozen=True)
class Level:
    """What is known of one level: its experts, and each task's gate over those that it can use."""

    experts: Sequence[str]
    shared: Sequence[bool]
    dead_units: Sequence[float]
    #: task -> index of an expert -> mean gate.
    gates: dict[str, dict[int, float]]
    entropy: dict[str, float]


def assess(levels: Sequence[Level]) -> Health:
    """Put what was counted into records and a sentence; into nothing if nothing was counted yet."""
    if any(math.isnan(value) for level in levels for value in level.entropy.values()):
        return Health()
    records: list[dict[str, object]] = []
    remarks: list[str] = []
    for number, level in enumerate(levels):
        place = f" of level {number}" if len(levels) > 1 else ""
        for index, name in enumerate(level.experts):
            given = {task: gate[index] for task, gate in level.gates.items() if index in gate}
            total = sum(given.values())
            load = total / max(len(given), 1)
            evens = [1 / len(gate) for gate in level.gates.values() if index in gate]
            even = sum(evens) / max(len(evens), 1)
            share = {task: value / total if total > 0 else 0.0 for task, value in given.items()}
            dead = load < DEAD * even
            top = max(share, key=share.__getitem__, default=None)
            captor = (
                top if level.shared[index] and len(share) > 1 and top and share[top] >= CAPTURED else None
            )
            if dead:
                remarks.append(
                    f"Expert {name}{place} is dead: its mean gate is {load:.3f} where {even:.3f} is even."
                )
            elif captor is not None:
                remarks.append(
                    f"Expert {name}{place} is captured: {captor!r} gives {share[captor]:.0%} of its weight."
                )
            records.append(
                {
                    "level": number,
                    "expert": name,
                    "shared": level.shared[index],
                    "load": load,
                    "even": even,
                    "share": share,
                    "dead_units": level.dead_units[index],
                    "dead": dead,
                    "captured_by": captor,
                }
            )
    sentence = " ".join(remarks) if remarks else "Every expert is used, and none by one task alone."
    return Health(records, [dict(level.entropy) for level in levels], sentence)
