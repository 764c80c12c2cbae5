"""One pass gives each task's gradients, by rows, and by task where all rows share something."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cotrain.balancing import UPGrad
from cotrain.gradients import Balance

N_ROWS, N_STEPS, WIDTH = 6, 3, 4


class Body(nn.Module):
    """A parameter that all rows share, read in some way, between two layers."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.below, self.above = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.common = nn.Parameter(torch.rand(N_STEPS, WIDTH))
        self.lookup = nn.Embedding(N_STEPS, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        h = self.below(x)
        if self.kind == "product":
            h = h * self.common
        elif self.kind == "quotient":
            h = h / (1 + self.common)
        elif self.kind == "computed":
            h = h + (self.common @ self.above.weight).tanh()
        elif self.kind == "positions":
            h = h + self.lookup(torch.arange(N_STEPS))
        elif self.kind == "token in front":
            h = torch.cat([self.common[:1].expand(len(h), 1, WIDTH), h], 1)
        elif self.kind == "positions in front":
            h = (h.transpose(0, 1) + self.common[:, None]).transpose(0, 1)
        elif self.kind == "merged axes":
            h = (h.reshape(-1, WIDTH) * self.common[0]).view(len(h), -1, WIDTH)
        return self.above(h.sin()).mean(1)


KINDS = [
    "product",
    "quotient",
    "computed",
    "positions",
    "token in front",
    "positions in front",
    "merged axes",
]


def step(kind: str, source: str, broken: bool = False) -> tuple[Tensor, Tensor, str]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = Body(kind).double()
        heads = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(3)).double()
        x = torch.randn(N_ROWS, N_STEPS, WIDTH).double()
    z = body(x)
    losses = {str(k): (head(z[k::3])[:, 0] - k).square().mean() for k, head in enumerate(heads)}
    if broken:
        losses["1"] = losses["1"] * float("nan")
    balance = Balance(UPGrad(), body.parameters(), source=source)
    balance.backward(losses)
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in body.parameters()]
    return balance.weights, torch.cat([part.flatten() for part in parts]), balance.last_source


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_passes(kind, broken):
    weights, grads, source = step(kind, "disjoint", broken)
    expected_weights, expected, _ = step(kind, "exact", broken)
    assert source.startswith("disjoint")
    torch.testing.assert_close(weights, expected_weights, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(grads, expected, rtol=1e-6, atol=1e-9)
