from __future__ import annotations

import torch
from torch import nn

from cotrain.tasks._masked_head import MaskedHead


class Counted(nn.Module):
    """Adds how many positions there are."""

    reads_mask = True

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return hidden + (0 if mask is None else mask.sum())


def test_only_the_last_layer_is_given_the_mask() -> None:
    head = MaskedHead(nn.ReLU(), Counted())
    hidden, mask = torch.tensor([[[-1.0], [2.0]]]), torch.tensor([[True, True]])
    assert head(hidden, mask).flatten().tolist() == [2.0, 4.0]
    assert head(hidden).flatten().tolist() == [0.0, 2.0]
