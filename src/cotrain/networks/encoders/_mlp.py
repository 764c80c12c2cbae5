"""A multilayer perceptron over one tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self, final

from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, check_choice, check_entries, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import (
    refuse_lengths,
    row_shape,
)
from cotrain.networks.encoders._dense import ACTIVATIONS, Activation, Dense


@final
class MLP(Encoder):
    """Fully connected layers over one input tensor, flattened.

    h₀ = flatten(x), hₗ = dropout(φ(norm(Wₗ hₗ₋₁ + bₗ))).

    The first stage only flattens, so that an architecture of experts with one shared stage gates and
    computes its experts on x itself, as the papers write it.

    Args:
        hidden: widths of the layers, one stage each, at least one, each ≥ 1.
        key: name of the input tensor [B, ...].
        n_inputs: size of a flattened row; `None`: read from the description of the inputs.
        activation: φ.
        norm: whether to normalise each layer over its units.
        dropout: probability of dropping a unit, in [0, 1).

    Raises:
        InvalidArgumentError: if a size or probability is out of range, or the input's size is not known.

    Example:
        >>> import torch
        >>> encoder = MLP(hidden=(64, 32), n_inputs=784).build(InputSpec())
        >>> encoder({"inputs": torch.zeros(5, 28, 28)}).shape, encoder.widths
        (torch.Size([5, 32]), (784, 64, 32))
    """

    def __init__(
        self,
        hidden: Sequence[int] = (128, 128),
        *,
        key: str = "inputs",
        n_inputs: int | None = None,
        activation: Activation = "relu",
        norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not hidden:
            raise InvalidArgumentError(f"MLP(hidden={hidden!r}): expected the width of at least one layer.")
        check_entries(self, 1, hidden=hidden)
        if n_inputs is not None:
            check_number(self, 1, n_inputs=n_inputs)
        check_choice(self, tuple(ACTIVATIONS), activation=activation)
        check_number(self, 0, 1, open_high=True, dropout=dropout)
        self.hidden = tuple(hidden)
        self.key = key
        self.n_inputs = n_inputs
        self.activation: Activation = activation
        self.norm = norm
        self.dropout = dropout
        self.width = self.hidden[-1]

    def build(self, spec: InputSpec) -> Self:
        """Make the layers for rows of this size."""
        n_inputs = math.prod(row_shape(self, self.key, spec)) if self.n_inputs is None else self.n_inputs
        self.widths = (n_inputs, *self.hidden)
        layers = [
            Dense(before, after, self.activation, norm=self.norm, dropout=self.dropout)
            for before, after in zip(self.widths, self.hidden, strict=False)
        ]
        self.stages = nn.ModuleList([Flatten(self.key), *layers])
        return self


class Flatten(nn.Module):
    """Take one tensor from the inputs and give each row as a vector."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        refuse_lengths(inputs, self.key)
        return inputs[self.key].flatten(1)
