from __future__ import annotations

import torch
from torch import nn

from cotrain.tasks._masked_head import MaskedHead, stacked_head, start_at


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


def test_hidden_layers_stand_before_the_one_that_is_made_for_their_width() -> None:
    head = stacked_head(lambda width: nn.Linear(width, 2), 5, [4, 3], dropout=0.1)
    kinds = [nn.Linear, nn.SiLU, nn.Dropout, nn.Linear, nn.SiLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in head] == kinds  # ty: ignore[not-iterable]
    start_at(head, lambda: torch.tensor([7.0, 8.0]), 2)
    assert head[-1].bias.tolist() == [7.0, 8.0]  # ty: ignore
    start_at(nn.Linear(5, 2, bias=False), lambda: torch.ones(3), 2)  # nothing to set


def test_a_last_layer_that_looks_at_the_mask_is_given_it() -> None:
    assert isinstance(stacked_head(lambda _: Counted(), 1, [], dropout=0.0), MaskedHead)
