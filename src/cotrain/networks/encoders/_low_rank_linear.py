"""A linear layer with an adapter of low rank beside it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import final

from torch import Tensor, nn

#: What the names of an adapter's weights end with.
ADAPTERS = (".adapter_down.weight", ".adapter_up.weight")


@final
class LowRankLinear(nn.Linear):
    """W x + b + (α / r) B A x, with A of size r × inputs and B of size outputs × r, 0 at first.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021,
    https://arxiv.org/abs/2106.09685

    Args:
        linear: whose weights it takes over, the very same tensors.
        rank: r, ≥ 1.
        scale: α > 0.

    Example:
        >>> import torch
        >>> linear, x = nn.Linear(4, 3), torch.randn(2, 4)
        >>> torch.equal(LowRankLinear(linear, rank=2, scale=4.0)(x), linear(x))
        True
    """

    def __init__(self, linear: nn.Linear, rank: int, scale: float) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.factor = scale / rank
        where = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        self.adapter_down = nn.Linear(linear.in_features, rank, bias=False, **where)
        self.adapter_up = nn.Linear(rank, linear.out_features, bias=False, **where)
        nn.init.kaiming_uniform_(self.adapter_down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.adapter_up.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Map [..., inputs] to [..., outputs]."""
        return super().forward(input) + self.factor * self.adapter_up(self.adapter_down(input))


def adapt(module: nn.Module, names: Collection[str], rank: int, scale: float) -> None:
    """Put an adapter beside every linear layer of a module that has one of these last names.

    Example:
        >>> block = nn.ModuleDict({"query": nn.Linear(4, 4), "key": nn.Linear(4, 4)})
        >>> adapt(block, ["query"], rank=2, scale=4.0)
        >>> sum(parameter.numel() for parameter in block.parameters())
        56
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if name in names and type(child) is nn.Linear:
                setattr(parent, name, LowRankLinear(child, rank, scale))
