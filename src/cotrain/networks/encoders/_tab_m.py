"""A batched ensemble for tables: many networks that share their weight matrices."""

from __future__ import annotations

import math
from typing import Self, final, get_args

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, check_choice, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks._members import MemberInputs
from cotrain.networks.encoders._dense import ACTIVATIONS, Activation
from cotrain.networks.encoders._number_embeddings import NumberEmbeddings, NumberKind
from cotrain.networks.encoders._table_encoder import TableInputs


@final
class TabM(Encoder):
    """M perceptrons over a table that share their weight matrices, and differ by vectors of their own.

    The m-th member's layer (BatchEnsemble) is

        lₘ(h) = dropout(φ(sₘ ⊙ (W (rₘ ⊙ h)) + bₘ)),  with W shared and rₘ, sₘ, bₘ the member's own

    r of the first layer begins with −1 or 1 in each place by chance, which is what tells the members apart;
    all other r and s begin with 1. Every member has a head of its own for every task, and learns from its own
    loss: the loss is the mean of the members' losses, not that of their mean. What is predicted is the mean
    of their probabilities or values. With a few more numbers to learn than one network it does what an
    ensemble of M does; a step costs M times the products.

    The first stage embeds and concatenates as that of `TableEncoder`. The members stand where a sequence has
    its positions, [B, M, D], so that every way of sharing can be used.

    Source: Gorishniy et al., "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling",
    2024, https://arxiv.org/abs/2410.24210; Wen et al., "BatchEnsemble", 2020,
    https://arxiv.org/abs/2002.06715. There 32 members of width 512 are usual, φ is relu, and numbers are not
    put in beside their embeddings.

    Args:
        width: D of every stage but the first, ≥ 1.
        depth: number of layers, ≥ 1.
        members: M, ≥ 2.
        activation: φ.
        embedding: width of a category's embedding, ≥ 1.
        bag_embedding: width of a token's embedding, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).
        bag_dropout: see `TableEncoder`.
        numbers: see `TableEncoder`.
        number_embedding: width of a number's vector, ≥ 1.

    Raises:
        InvalidArgumentError: if a size or probability is out of range, or the table has no inputs.

    Example:
        >>> encoder = TabM(width=16, members=4).build(InputSpec(n_numbers=2))
        >>> encoder({"numbers": torch.zeros(5, 2)}).shape
        torch.Size([5, 4, 16])
    """

    def __init__(
        self,
        width: int = 256,
        depth: int = 2,
        *,
        members: int = 8,
        activation: Activation = "silu",
        embedding: int = 8,
        bag_embedding: int = 32,
        dropout: float = 0.0,
        bag_dropout: float = 0.5,
        numbers: NumberKind = "auto",
        number_embedding: int = 8,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, embedding=embedding, bag_embedding=bag_embedding)
        check_number(self, 1, number_embedding=number_embedding)
        check_number(self, 2, members=members)
        check_number(self, 0, 1, open_high=True, dropout=dropout, bag_dropout=bag_dropout)
        check_choice(self, tuple(ACTIVATIONS), activation=activation)
        check_choice(self, get_args(NumberKind), numbers=numbers)
        self.width = width
        self.depth = depth
        self.members = members
        self.activation: Activation = activation
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
        self.widths = (inputs.width, *(self.width,) * self.depth)
        layers = [
            MemberDense(before, self.width, self.members, activation=self.activation, dropout=self.dropout)
            for before in self.widths[:-1]
        ]
        with torch.no_grad():
            layers[0].scale_in.bernoulli_().mul_(2).sub_(1)
        self.stages = nn.ModuleList([MemberInputs(inputs, self.members), *layers])
        return self


@final
class MemberDense(nn.Module):
    """dropout(φ(sₘ ⊙ (W (rₘ ⊙ h)) + bₘ)), [B, M, D] -> [B, M, D']; all r and s begin with 1."""

    def __init__(
        self, n_inputs: int, width: int, members: int, *, activation: Activation, dropout: float
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_inputs)
        # The adapters are not called weight: what pulls weights to zero would put the members out.
        self.scale_in = nn.Parameter(torch.ones(members, n_inputs))
        self.weight = nn.Parameter(torch.empty(width, n_inputs).uniform_(-bound, bound))
        self.scale_out = nn.Parameter(torch.ones(members, width))
        self.bias = nn.Parameter(torch.empty(members, width).uniform_(-bound, bound))
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        product = (hidden * self.scale_in) @ self.weight.T
        return self.dropout(ACTIVATIONS[self.activation](torch.addcmul(self.bias, product, self.scale_out)))
