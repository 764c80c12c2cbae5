"""A Transformer whose tokens are the columns of a table."""

from __future__ import annotations

from typing import Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks._positions import Chain
from cotrain.networks.encoders._attention import AttentionBlock, FirstPosition


@final
class FTTransformer(Encoder):
    """Each column of a table becomes a token; the representation is what a token of its own has gathered.

    A number xⱼ becomes xⱼ wⱼ + bⱼ, a category its embedding + bⱼ, a tags or text column the mean of its
    tokens' embeddings. A learned token stands first; after the blocks it is the representation.

    Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", 2021,
    https://arxiv.org/abs/2106.11959; the feed-forward part uses GELU instead of ReGLU.

    Args:
        width: D of every stage, a multiple of `heads`.
        depth: number of blocks, ≥ 1.
        heads: attention heads, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range, or the table has no inputs.

    Example:
        >>> spec = InputSpec(n_numbers=2, cardinalities=(3, 4))
        >>> encoder = FTTransformer(width=16, depth=1, heads=2).build(spec)
        >>> encoder({"numbers": torch.zeros(5, 2), "categories": torch.tensor([[0, 3]] * 5)}).shape
        torch.Size([5, 16])
    """

    def __init__(self, width: int = 64, depth: int = 2, heads: int = 4, *, dropout: float = 0.1) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, heads=heads)
        check_number(self, 0, 1, open_high=True, dropout=dropout)
        if width % heads:
            raise InvalidArgumentError(
                f"FTTransformer(width={width}, heads={heads}): expected a width that is a multiple of heads."
            )
        self.width = width
        self.depth = depth
        self.heads = heads
        self.dropout = dropout

    def build(self, spec: InputSpec) -> Self:
        """Make the tokens and blocks for a table of these columns."""
        refuse_unread(self, spec, "table")
        blocks: list[nn.Module] = [
            AttentionBlock(self.width, self.heads, self.dropout) for _ in range(self.depth)
        ]
        blocks[-1] = Chain(blocks[-1], FirstPosition(self.width))
        self.stages = nn.ModuleList([_ColumnTokens(spec, self.width), *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self


class _ColumnTokens(nn.Module):
    """A table -> [B, 1 + columns, D]."""

    def __init__(self, spec: InputSpec, width: int) -> None:
        super().__init__()
        n_columns = spec.n_numbers + len(spec.cardinalities) + len(spec.bags)
        if n_columns == 0:
            raise InvalidArgumentError(
                "The table has no input columns: every column is a target, is dropped, or is constant."
            )
        self.numbers = nn.Embedding(spec.n_numbers, width) if spec.n_numbers else None
        self.categories = nn.Embedding(sum(spec.cardinalities), width) if spec.cardinalities else None
        self.bag_keys = tuple(spec.bags)
        self.bags = nn.ModuleList(
            nn.EmbeddingBag(size, width, mode="mean", padding_idx=0) for size in spec.bags.values()
        )
        # The first row is the token that gathers, the others are the columns' biases.
        self.columns = nn.Embedding(1 + n_columns, width)
        for table in self.modules():
            if isinstance(table, nn.Embedding | nn.EmbeddingBag):
                bound = width**-0.5
                nn.init.uniform_(table.weight, -bound, bound)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        parts: list[Tensor] = []
        if self.numbers is not None:
            parts.append(inputs["numbers"].unsqueeze(-1) * self.numbers.weight)
        if self.categories is not None:
            parts.append(self.categories(inputs["categories"]))
        for key, bag in zip(self.bag_keys, self.bags, strict=True):
            parts.append(bag(inputs[key]).unsqueeze(1))
        gathering = torch.zeros_like(parts[0][:, :1])
        return torch.cat([gathering, *parts], dim=1) + self.columns.weight
