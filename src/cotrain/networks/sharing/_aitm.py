"""Adaptive information transfer along a chain of tasks, such as click, then purchase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError, check_number, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks._positions import Chain, PositionwiseLinear, fit_positions, mask_after
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit


@final
class AITM(Sharing):
    """A tower per task over shared stages; along a chain each task attends to what the one before found.

    z₁ = q₁,  zₜ = Σ_{u ∈ {pₜ₋₁, qₜ}} wᵤ V u,  pₜ₋₁ = relu(G zₜ₋₁),  wᵤ = softmaxᵤ ⟨Q u, K u⟩ / √D

    qₜ: task t's tower, a copy of the encoder's stages after the shared ones; z: the representations. G, V, Q
    and K belong to the step from t − 1 to t. Tasks outside the chain keep their tower's output.

    Source: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions with
    Multi-task Learning in Targeted Display Advertising", 2021, https://arxiv.org/abs/2105.08489. The paper
    also punishes a later task that is more probable than an earlier one; with `ESMM` outputs that cannot
    happen, so combine the two where it matters.

    Args:
        chain: names of the tasks from the earliest step to the latest, at least two; `None`: all in order.
        shared_stages: first stages of the encoder that all towers read, ≥ 1.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the chain names a task that is not
            there, or the encoder has too few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = AITM().build(lambda: MLP(hidden=(8,)).build(spec), ["click", "purchase"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["purchase"].shape
        torch.Size([5, 8])
    """

    def __init__(self, chain: Sequence[str] | None = None, *, shared_stages: int = 1) -> None:
        super().__init__()
        check_number(self, 1, shared_stages=shared_stages)
        if chain is not None and (isinstance(chain, str) or len(chain) < 2 or len(set(chain)) < len(chain)):
            raise InvalidArgumentError(f"AITM(chain={chain!r}): expected at least two different task names.")
        self.chain = None if chain is None else tuple(chain)
        self.shared_stages = shared_stages

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, a tower per task and a transfer per step of the chain."""
        self.tasks = tuple(tasks)
        for task in self.chain or ():
            if task not in tasks:
                raise InvalidArgumentError(
                    f"AITM(chain=...) names the task {task!r}: {did_you_mean(task, tasks)}"
                )
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self._order = self.tasks if self.chain is None else self.chain
        self.trunk = parts.trunk
        self.towers = nn.ModuleList(Chain(*chain) for chain in parts.chains(len(tasks)))
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        self.transfers = nn.ModuleList(_Transfer(self._width) for _ in self._order[1:])
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's representation."""
        hidden, mask = self.trunk(inputs), self.trunk.mask_after(inputs)
        given = {task: tower(hidden, mask) for task, tower in zip(self.tasks, self.towers, strict=True)}
        return self._transferred(given)

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, those of the task's tower, and for the last what it ends as."""
        shared, mask = self.trunk(inputs, every=True), self.trunk.mask_after(inputs)
        towers = {
            task: tower(shared[-1], mask, every=True)
            for task, tower in zip(self.tasks, self.towers, strict=True)
        }
        last = self._transferred({task: levels[-1] for task, levels in towers.items()})
        return {task: [*shared, *levels[:-1], last[task]] for task, levels in towers.items()}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _transferred(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        for before, task, transfer in zip(self._order, self._order[1:], self.transfers, strict=False):
            given[task] = transfer(given[before], given[task])
        return given

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of what the towers give."""
        return mask_after(self.towers[0], self.trunk.mask_after(inputs))

    def widths(self) -> dict[str, int]:
        """Return the width of a tower for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the tower, and the transfer into it, unless a later task of the chain reads them too."""
        if task in self._order[:-1]:
            return []
        own = [self.towers[self.tasks.index(task)]]
        return [*own, self.transfers[-1]] if task in self._order and len(self.transfers) else own


@final
class _Transfer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.carry = PositionwiseLinear(width, width)
        self.value = PositionwiseLinear(width, width)
        self.query = PositionwiseLinear(width, width)
        self.key = PositionwiseLinear(width, width)

    def forward(self, before: Tensor, own: Tensor) -> Tensor:
        carried = fit_positions(functional.relu(self.carry(before)), own)
        axis = 1 if own.dim() == 4 else -1
        both = (carried, own)
        scores = [(self.query(u) * self.key(u)).sum(axis, keepdim=True) for u in both]
        first, second = functional.softmax(torch.stack(scores) / own.shape[axis] ** 0.5, dim=0)
        return first * self.value(carried) + second * self.value(own)
