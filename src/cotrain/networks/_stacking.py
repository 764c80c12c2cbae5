"""Several copies of a stage side by side, as one batched product where the stage knows how.

Shapes: E copies, B batch, D width. A stack maps [E, B, ...], or [1, B, ...] where all copies read the
same input, to [E, B, ...].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks._positions import MaskedStage, mask_after, run_stage


class Stackable(nn.Module, ABC):
    """A stage of which copies with different weights can be computed in one batched product."""

    @classmethod
    @abstractmethod
    def stack(cls, copies: Sequence[Self]) -> nn.Module:
        """Return a module that takes over the weights of the copies: [E or 1, B, ...] -> [E, B, ...]."""


def stack_stages(copies: Sequence[nn.Module]) -> nn.Module:
    """Return the copies as one module, batched if their class is `Stackable`, else one after the other."""
    first = copies[0]
    if isinstance(first, Stackable) and all(type(copy) is type(first) for copy in copies):
        stackable: Any = first
        return stackable.stack(copies)
    return LoopedStage(copies)


@final
class LoopedStage(MaskedStage):
    """The fallback for a stage of any kind: its copies run one after the other."""

    def __init__(self, copies: Sequence[nn.Module]) -> None:
        super().__init__()
        self.copies = nn.ModuleList(copies)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        shared = hidden.shape[0] == 1
        inputs = [hidden[0 if shared else i] for i, _ in enumerate(self.copies)]
        return torch.stack([run_stage(copy, x, mask) for copy, x in zip(self.copies, inputs, strict=True)])

    def mask_after(self, before: Any) -> Any:
        return mask_after(self.copies[0], before)


@final
class StackedLinear(nn.Module):
    """E linear layers as one batched product."""

    def __init__(self, copies: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([copy.weight.detach().T for copy in copies]))  # [E, D, D']
        self.bias = nn.Parameter(torch.stack([copy.bias.detach()[None] for copy in copies]))  # [E, 1, D']

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, hidden.expand(self.weight.shape[0], -1, -1), self.weight)


@final
class StackedLayerNorm(nn.Module):
    """E layer normalisations: an input that all copies share is normalised once."""

    def __init__(self, copies: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.eps = copies[0].eps
        self.scale = nn.Parameter(torch.stack([copy.weight.detach()[None] for copy in copies]))  # [E, 1, D]
        self.shift = nn.Parameter(torch.stack([copy.bias.detach()[None] for copy in copies]))

    def forward(self, hidden: Tensor) -> Tensor:
        normal = functional.layer_norm(hidden, hidden.shape[-1:], eps=self.eps)
        return torch.addcmul(self.shift, normal, self.scale)
