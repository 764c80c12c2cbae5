"""How a head that reads one vector a row gets it from positions."""

from __future__ import annotations

from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from cotrain.networks._positions import MaskedStage, mean_over_positions

Pooling = Literal["mean", "max", "attention"]
DEFAULT_POOLING: Pooling = "mean"
POOLINGS: tuple[Pooling, ...] = ("mean", "max", "attention")


def make_pool(pooling: Pooling, width: int) -> nn.Module:
    """Return a module from a representation of any shape and its mask to vectors [B, D].

    Args:
        pooling: "mean" over the positions, their largest value unit by unit ("max"), or the mean with weights
            that the task learns ("attention").
        width: D.
    """
    return AttentionPool(width) if pooling == "attention" else PlainPool(pooling)


@final
class PlainPool(MaskedStage):
    """The mean or the maximum over the positions; a row without any gets zeros, a vector stays as it is."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        if self.pooling == "mean" or hidden.dim() == 2:
            return mean_over_positions(hidden, mask)
        if hidden.dim() == 4:
            return hidden.amax(dim=(2, 3))
        if mask is None:
            return hidden.amax(dim=1)
        largest = hidden.masked_fill(~mask.unsqueeze(-1), torch.finfo(hidden.dtype).min).amax(dim=1)
        return largest.where(mask.any(dim=1, keepdim=True), 0.0)

    def extra_repr(self) -> str:
        return self.pooling


@final
class AttentionPool(MaskedStage):
    """Σₛ aₛ hₛ with a = softmax over the positions of ⟨w, tanh(V hₛ)⟩; at first the mean.

    Source: Lin et al., "A Structured Self-attentive Sentence Embedding", 2017, https://arxiv.org/abs/1703.03130,
    with one view.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        if hidden.dim() == 2:
            return hidden
        hidden = hidden.flatten(2).transpose(1, 2) if hidden.dim() == 4 else hidden
        scores = self.score(torch.tanh(self.inner(hidden))).squeeze(-1)  # [B, S]
        if mask is None:
            return (torch.softmax(scores, dim=1).unsqueeze(-1) * hidden).sum(dim=1)
        # Half the lowest number instead of -inf: a row without positions must not become NaN.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min / 2)
        weights = torch.softmax(scores, dim=1) * mask
        return (weights.unsqueeze(-1) * hidden.where(mask.unsqueeze(-1), 0.0)).sum(dim=1)
