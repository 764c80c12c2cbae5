"""Representations with positions: sequences [B, S, D] and maps [B, D, H, W] beside vectors [B, D].

A position of a sequence whose vector is exactly zero is padding. That way the padding travels inside the
representation, through every architecture that mixes representations without adding a constant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def is_padding(hidden: Tensor) -> Tensor:
    """Return True [B, S] where a position of the sequence [B, S, D] is padding."""
    return (hidden == 0).all(dim=-1)


def mean_over_positions(hidden: Tensor) -> Tensor:
    """Return one vector a row, [B, D]: the mean over a map, or over the positions that are not padding."""
    if hidden.dim() == 4:
        return hidden.mean(dim=(2, 3))
    if hidden.dim() == 3:
        real = (~is_padding(hidden)).unsqueeze(-1).to(hidden.dtype)
        return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)
    return hidden


def fit_positions(hidden: Tensor, like: Tensor) -> Tensor:
    """Return `hidden` with the positions of `like`: pooled to its height and width, or to one vector."""
    if like.dim() == 2:
        return mean_over_positions(hidden)
    if like.dim() == 4 and hidden.dim() == 4 and hidden.shape[2:] != like.shape[2:]:
        return functional.adaptive_avg_pool2d(hidden, (like.shape[2], like.shape[3]))
    return hidden


class PositionwiseLinear(nn.Linear):
    """A linear layer over the width D of a representation of any shape (a 1×1 convolution for maps)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map [B, D], [B, S, D] or [B, D, H, W]."""
        if input.dim() == 4:
            return super().forward(input.movedim(1, -1)).movedim(-1, 1)
        return super().forward(input)


def concatenate(parts: list[Tensor]) -> Tensor:
    """Concatenate representations of the same positions along their width."""
    return torch.cat(parts, dim=1 if parts[0].dim() == 4 else -1)
