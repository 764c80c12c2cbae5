"""Layers of perceptrons that several encoders are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self, final

from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks._stacking import Stackable, StackedLayerNorm, StackedLinear

Activation = Literal["relu", "silu", "gelu", "tanh"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "tanh": functional.tanh,
}


@final
class Dense(Stackable):
    """dropout(activation(norm(W x + b))), the norm being optional."""

    def __init__(
        self, n_inputs: int, width: int, activation: Activation, *, norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, width)
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.dropout(ACTIVATIONS[self.activation](self.norm(self.linear(hidden))))

    @classmethod
    def stack(cls, copies: Sequence[Self]) -> nn.Module:
        return _StackedDense(copies)


@final
class _StackedDense(nn.Module):
    def __init__(self, copies: Sequence[Dense]) -> None:
        super().__init__()
        self.linear = StackedLinear([copy.linear for copy in copies])
        norms = [copy.norm for copy in copies if isinstance(copy.norm, nn.LayerNorm)]
        self.norm = StackedLayerNorm(norms) if norms else nn.Identity()
        self.activation = copies[0].activation
        self.dropout = copies[0].dropout

    def forward(self, hidden: Tensor) -> Tensor:
        return self.dropout(ACTIVATIONS[self.activation](self.norm(self.linear(hidden))))


@final
class ResidualBlock(Stackable):
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

    @classmethod
    def stack(cls, copies: Sequence[Self]) -> nn.Module:
        return _StackedResidualBlock(copies)


@final
class _StackedResidualBlock(nn.Module):
    def __init__(self, copies: Sequence[ResidualBlock]) -> None:
        super().__init__()
        self.norm = StackedLayerNorm([copy.norm for copy in copies])
        self.inner = StackedLinear([copy.inner for copy in copies])
        self.dropout = copies[0].dropout
        self.outer = StackedLinear([copy.outer for copy in copies])

    def forward(self, hidden: Tensor) -> Tensor:
        inner = functional.silu(self.inner(self.norm(hidden)))
        return hidden + self.outer(self.dropout(inner))
