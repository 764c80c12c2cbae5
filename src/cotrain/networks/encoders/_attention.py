"""The attention blocks that sequence and table Transformers are made of."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks._positions import MaskedStage


@final
class AttentionBlock(MaskedStage):
    """x + attention(norm(x)), then x + W₂ gelu(W₁ norm(x)); padding is not attended to."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout_probability = dropout
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        hidden = hidden + self.dropout(self._attend(self.attention_norm(hidden), mask))
        inner = self.inner(self.norm(hidden))
        return hidden + self.dropout(self.outer(functional.gelu(inner)))

    def _attend(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        batch, positions, width = hidden.shape
        projected = self.queries_keys_values(hidden).view(
            batch, positions, 3, self.heads, width // self.heads
        )
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        bias = hidden.new_zeros(batch, positions)
        if mask is not None:
            # Half the lowest number instead of -inf: a row of nothing but padding must not become NaN.
            bias = bias.masked_fill(~mask, torch.finfo(hidden.dtype).min / 2)
        attended = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=bias[:, None, None, :],
            dropout_p=self.dropout_probability if self.training else 0.0,
        )
        return self.attention_output(attended.transpose(1, 2).reshape(batch, positions, width))


@final
class FirstPosition(nn.Module):
    """The normalised vector of a sequence's first position, which has gathered the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(hidden[:, 0])
