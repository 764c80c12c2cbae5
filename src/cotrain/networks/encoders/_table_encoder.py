"""An encoder for tables: numbers, categories, tags and text."""

from __future__ import annotations

from typing import Self, final, get_args

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, check_choice, check_number
from cotrain._base._inputs import CATEGORIES
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks.encoders._dense import Dense, ResidualBlock
from cotrain.networks.encoders._number_embeddings import NumberEmbeddings, NumberKind


@final
class TableEncoder(Encoder):
    """Embeddings for numbers, categories, tags and words, then an MLP with residual blocks.

    A number goes in as it is, and as a vector of periodic or piecewise linear functions of it (Gorishniy et
    al., "On Embeddings for Numerical Features in Tabular Deep Learning", 2022,
    https://arxiv.org/abs/2203.05556): with these small tables of numbers are learned in far fewer steps. All
    categorical columns share one packed embedding table, which is read by one gather; every tags or text
    column is the mean of its tokens' embeddings. The first stage concatenates them all, the second maps that
    to `width`; each further stage is a residual block x + f(norm(x)), as in Gorishniy et al., "Revisiting
    Deep Learning Models for Tabular Data", 2021, https://arxiv.org/abs/2106.11959. With `depth` blocks there
    are `depth` + 2 stages.

    Args:
        width: D of every stage but the first, ≥ 1.
        depth: number of residual blocks, ≥ 0.
        embedding: width of a category's embedding, ≥ 1.
        bag_embedding: width of a token's embedding, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).
        bag_dropout: probability of dropping a unit of a tags or text column's mean, in [0, 1). Rare names
            and words are learned by heart first; this keeps the network from leaning on them.
        numbers: what goes in beside each number: "periodic" or "piecewise", a vector of such functions;
            "plain", nothing; "auto": "periodic" where there are up to 128 numbers, else "plain".
        number_embedding: width of a number's vector, ≥ 1.

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
        (torch.Size([5, 16]), 3)
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 2,
        *,
        embedding: int = 8,
        bag_embedding: int = 32,
        dropout: float = 0.1,
        bag_dropout: float = 0.5,
        numbers: NumberKind = "auto",
        number_embedding: int = 8,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, embedding=embedding, bag_embedding=bag_embedding)
        check_number(self, 1, number_embedding=number_embedding)
        check_number(self, 0, depth=depth)
        check_number(self, 0, 1, open_high=True, dropout=dropout, bag_dropout=bag_dropout)
        check_choice(self, get_args(NumberKind), numbers=numbers)
        self.width = width
        self.depth = depth
        self.embedding = embedding
        self.bag_embedding = bag_embedding
        self.dropout = dropout
        self.bag_dropout = bag_dropout
        self.numbers = numbers
        self.number_embedding = number_embedding

    def build(self, spec: InputSpec) -> Self:
        """Make the parameters for a table of these sizes."""
        refuse_unread(self, spec, "table")
        embedded = NumberEmbeddings.of(spec, self.numbers, self.number_embedding)
        inputs = TableInputs(
            spec, self.embedding, self.bag_embedding, self.bag_dropout, number_embeddings=embedded
        )
        first = Dense(inputs.width, self.width, "silu")
        blocks = [ResidualBlock(self.width, self.dropout) for _ in range(self.depth)]
        self.stages = nn.ModuleList([inputs, first, *blocks])
        self.widths = (inputs.width, *(self.width,) * (self.depth + 1))
        return self


class TableInputs(nn.Module):
    """Embed, and concatenate to one vector."""

    def __init__(
        self,
        spec: InputSpec,
        embedding: int,
        bag_embedding: int,
        dropout: float,
        *,
        number_embeddings: NumberEmbeddings | None = None,
    ) -> None:
        super().__init__()
        n_columns = len(spec.cardinalities)
        self.width = spec.n_numbers + n_columns * embedding + len(spec.bags) * bag_embedding
        self.width += 0 if number_embeddings is None else number_embeddings.width
        if self.width == 0:
            raise InvalidArgumentError(
                "The table has no input columns: every column is a target, is dropped, or is constant."
            )
        self.has_numbers = spec.n_numbers > 0
        self.number_embeddings = number_embeddings
        self.categories = nn.Embedding(sum(spec.cardinalities), embedding) if n_columns else None
        self.bags = nn.ModuleDict()
        self.bag_keys = {f"bag_{i}": key for i, key in enumerate(spec.bags)}
        for module_name, key in self.bag_keys.items():
            bag = nn.EmbeddingBag(spec.bags[key], bag_embedding, mode="mean", padding_idx=0)
            # Nearly nothing, so that a token that training never saw says nothing, not something random.
            nn.init.normal_(bag.weight, std=0.01)
            with torch.no_grad():
                bag.weight[0] = 0
            self.bags[module_name] = bag
        if self.categories is not None:
            # A tenth of torch's default, so that no column outweighs the standardised numbers at first.
            nn.init.normal_(self.categories.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        parts: list[Tensor] = []
        if self.has_numbers:
            parts.append(inputs["numbers"])
        if self.number_embeddings is not None:
            parts.append(self.number_embeddings(inputs["numbers"]))
        if self.categories is not None:
            parts.append(self.categories(inputs[CATEGORIES]).flatten(1))
        parts += [self.dropout(self.bags[name](inputs[key])) for name, key in self.bag_keys.items()]
        return torch.cat(parts, dim=1)
