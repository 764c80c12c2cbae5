"""Softmax gates of tasks over experts."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks.sharing._gate_statistics import GateMeter


@final
class Gate(nn.Module):
    """One task's gate: softmax(W x) over its experts, [B, D] -> [B, E].

    Args:
        width: D.
        n_experts: E.
        dropout: probability with which an expert is left out for a row in training; the others' gates then
            sum to 1 (a row whose experts would all be left out keeps them all).
    """

    def __init__(self, width: int, n_experts: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_experts, bias=False)
        self.dropout = dropout
        self.meter = GateMeter(n_experts)

    def forward(self, hidden: Tensor) -> Tensor:
        logits = self.linear(hidden)
        if self.training and self.dropout > 0:
            left_out = torch.rand_like(logits) < self.dropout
            left_out = left_out & ~left_out.all(dim=-1, keepdim=True)
            logits = logits.masked_fill(left_out, float("-inf"))
        gate = functional.softmax(logits, dim=-1)
        self.meter(gate)
        return gate
