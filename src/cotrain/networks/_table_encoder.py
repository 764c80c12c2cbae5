"""An encoder for tables: numbers, categories, tags and text."""

from __future__ import annotations

from typing import Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain.networks._base import Encoder


@final
class TableEncoder(Encoder):
    """Embeddings for categories, tags and words beside the numbers, then an MLP with residual blocks.

    All categorical columns share one packed embedding table, which is read by one gather; every tags or
    text column is the mean of its tokens' embeddings. The first stage maps their concatenation to `width`;
    each further stage is a residual block x + f(norm(x)), as in Gorishniy et al., "Revisiting Deep Learning
    Models for Tabular Data", 2021, https://arxiv.org/abs/2106.11959. With `depth` blocks there are
    `depth` + 1 stages.

    Args:
        width: D of every stage, ≥ 1.
        depth: number of residual blocks, ≥ 0.
        embedding: width of a category's embedding, ≥ 1.
        bag_embedding: width of a token's embedding, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).
        input_dropout: probability of dropping one of the concatenated inputs, in [0, 1).

    Raises:
        InvalidArgumentError: if a size or probability is out of range, or the table has no inputs.

    Example:
        >>> spec = InputSpec(n_numbers=2, cardinalities=(3, 4), bags={"bag:title": 100})
        >>> encoder = TableEncoder(width=16, depth=1).build(spec)
        >>> inputs = {
        ...     "numbers": torch.zeros(5, 2),
        ...     "categories": torch.tensor([[0, 3]]).expand(5, 2),
        ...     "bag:title": torch.zeros(5, 9, dtype=torch.long),
        ... }
        >>> encoder(inputs).shape, len(encoder.stages)
        (torch.Size([5, 16]), 2)
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 2,
        *,
        embedding: int = 8,
        bag_embedding: int = 32,
        dropout: float = 0.1,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("width", width, 1),
            ("depth", depth, 0),
            ("embedding", embedding, 1),
            ("bag_embedding", bag_embedding, 1),
        ):
            if value < least:
                raise InvalidArgumentError(f"TableEncoder({name}={value!r}): expected at least {least}.")
        for name, value in (("dropout", dropout), ("input_dropout", input_dropout)):
            if not 0 <= value < 1:
                raise InvalidArgumentError(f"TableEncoder({name}={value!r}): expected a value in [0, 1).")
        self.width = width
        self.depth = depth
        self.embedding = embedding
        self.bag_embedding = bag_embedding
        self.dropout = dropout
        self.input_dropout = input_dropout

    def build(self, spec: InputSpec) -> Self:
        """Make the parameters for a table of these sizes."""
        first = _TableInputs(spec, self.embedding, self.bag_embedding, self.width, self.input_dropout)
        blocks = [_ResidualBlock(self.width, self.dropout) for _ in range(self.depth)]
        self.stages = nn.ModuleList([first, *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self


class _TableInputs(nn.Module):
    """Embed, concatenate, and map to the width."""

    def __init__(
        self, spec: InputSpec, embedding: int, bag_embedding: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        n_columns = len(spec.cardinalities)
        n_inputs = spec.n_numbers + n_columns * embedding + len(spec.bags) * bag_embedding
        if n_inputs == 0:
            raise InvalidArgumentError(
                "The table has no input columns: every column is a target, is dropped, or is constant."
            )
        self.has_numbers = spec.n_numbers > 0
        self.categories = nn.Embedding(sum(spec.cardinalities), embedding) if n_columns else None
        self.bags = nn.ModuleDict()
        self.bag_keys = {f"bag_{i}": key for i, key in enumerate(spec.bags)}
        for module_name, key in self.bag_keys.items():
            self.bags[module_name] = nn.EmbeddingBag(
                spec.bags[key], bag_embedding, mode="mean", padding_idx=0
            )
        for table in self.modules():
            if isinstance(table, nn.Embedding | nn.EmbeddingBag):
                # A tenth of torch's default, so that no column outweighs the standardised numbers at first.
                nn.init.normal_(table.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(n_inputs, width)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        parts: list[Tensor] = []
        if self.has_numbers:
            parts.append(inputs["numbers"])
        if self.categories is not None:
            parts.append(self.categories(inputs["categories"]).flatten(1))
        parts += [self.bags[name](inputs[key]) for name, key in self.bag_keys.items()]
        return functional.silu(self.linear(self.dropout(torch.cat(parts, dim=1))))


class _ResidualBlock(nn.Module):
    """x + W₂ dropout(silu(W₁ norm(x)))."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.outer = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        inner = functional.silu(self.inner(self.norm(hidden)))
        return hidden + self.outer(self.dropout(inner))
