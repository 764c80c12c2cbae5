"""The attention blocks that sequence and table Transformers are made of."""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks._positions import is_padding, mean_over_positions

Pooling = Literal["mean", "first", "none"]


@final
class AttentionBlock(nn.Module):
    """x + attention(norm(x)), then x + W₂ gelu(W₁ norm(x)); padding (zeros) is left alone."""

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

    def forward(self, hidden: Tensor) -> Tensor:
        padding = is_padding(hidden)
        hidden = hidden + self.dropout(self._attend(self.attention_norm(hidden), padding))
        inner = self.inner(self.norm(hidden))
        hidden = hidden + self.dropout(self.outer(functional.gelu(inner)))
        return hidden.masked_fill(padding.unsqueeze(-1), 0.0)

    def _attend(self, hidden: Tensor, padding: Tensor) -> Tensor:
        batch, positions, width = hidden.shape
        projected = self.queries_keys_values(hidden).view(
            batch, positions, 3, self.heads, width // self.heads
        )
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        # Half the lowest number instead of -inf: a row of nothing but padding must not become NaN.
        lowest = torch.finfo(hidden.dtype).min / 2
        bias = torch.zeros_like(padding, dtype=hidden.dtype).masked_fill(padding, lowest)
        attended = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=bias[:, None, None, :],
            dropout_p=self.dropout_probability if self.training else 0.0,
        )
        return self.attention_output(attended.transpose(1, 2).reshape(batch, positions, width))


@final
class SequencePool(nn.Module):
    """One vector from a sequence: the mean over its positions or the first of them, normalised."""

    def __init__(self, width: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        if self.pooling == "none":
            return self.norm(hidden).masked_fill(is_padding(hidden).unsqueeze(-1), 0.0)
        return self.norm(hidden[:, 0] if self.pooling == "first" else mean_over_positions(hidden))
