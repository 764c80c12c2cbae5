from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UPGrad
from cotrain.gradients import Balance

from ..networks import jacobian, values

N_ROWS, N_STEPS, WIDTH = 6, 3, 4
OWNER = torch.tensor([0, 1, 2, 0, 1, 2, 2, 0, 1, 1])


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(torch.tanh(self.layer(x)))


def encoder(kind: str) -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(10, 4, generator=generator, dtype=torch.float64)
    tokens = torch.randint(0, 6, (10, 3), generator=generator)
    maps = torch.randn(10, 2, 5, 5, generator=generator, dtype=torch.float64)
    return {
        "mlp": (nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.LayerNorm(30), nn.Linear(30, 4)), numbers),
        "twice": (Twice(), numbers),
        "sequence": (
            nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 2), nn.GELU(), nn.Flatten()),
            numbers,
        ),
        "conv": (
            nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4).eval(), nn.MaxPool2d(3), nn.Flatten()),
            maps,
        ),
        "table": (nn.Sequential(nn.Embedding(6, 2), nn.LayerNorm(2), nn.Flatten(), nn.Linear(6, 4)), tokens),
        "bag": (nn.Sequential(nn.EmbeddingBag(6, 4, mode="mean"), nn.SiLU()), tokens),
    }[kind]


def build(kind: str) -> tuple[nn.Module, nn.Module, dict[str, torch.Tensor]]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        body, inputs = encoder(kind)
        body = body.double()
        heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(3)).double()
    z = body(inputs)
    rows = [torch.nonzero(k == OWNER).flatten() for k in range(3)]
    return body, heads, {f"t{k}": head(z)[rows[k]].square().mean() for k, head in enumerate(heads)}


@pytest.mark.parametrize("kind", ["mlp", "twice", "sequence", "conv", "table", "bag"])
@pytest.mark.parametrize("source", ["disjoint", "auto"])
def test_equals_literal_passes(kind, source):
    body, heads, losses = build(kind)
    plain, plain_heads, expected = build(kind)
    balance = Balance(UPGrad(), body.parameters(), source=source)
    balance.backward(losses)
    j = jacobian(expected, plain.parameters())
    w = torch.from_numpy(UPGrad().weights(values(expected), (j @ j.T).numpy()))
    got = torch.cat([p.grad.flatten() for p in body.parameters()])
    torch.testing.assert_close(got, w @ j, rtol=1e-9, atol=1e-12)
    sum(expected.values()).backward()
    torch.testing.assert_close(heads[1].weight.grad, plain_heads[1].weight.grad)


def test_a_broken_task_leaves_no_trace():
    body, _, losses = build("mlp")
    plain, _, expected = build("mlp")
    losses["t1"] = losses["t1"] * float("nan")
    del expected["t1"]
    Balance(UPGrad(), body.parameters(), source="disjoint", tasks=["t0", "t1", "t2"]).backward(losses)
    Balance(UPGrad(), plain.parameters(), source="exact", tasks=["t0", "t1", "t2"]).backward(expected)
    for p, q in zip(body.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_a_broken_task_leaves_no_trace_where_rows_are_multiplied():
    """Few rows and wide layers: the Gramian comes from products of rows, 0 · NaN among them."""
    x, y = torch.randn(9, 40, generator=torch.Generator().manual_seed(0)).double(), torch.arange(9.0).double()
    found = []
    for source in ("disjoint", "exact"):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            body = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1)).double()
        z = body(x)
        rows = [slice(3 * k, 3 * k + 3) for k in range(3)]
        losses = {f"t{k}": (z[own, 0] - y[own]).square().mean() for k, own in enumerate(rows)}
        losses["t1"] = losses["t1"] * float("nan")
        balance = Balance(UPGrad(), body.parameters(), source=source)
        balance.backward(losses)
        assert balance.skipped == {"t0": 0, "t1": 1, "t2": 0}
        found.append(torch.cat([p.grad.flatten() for p in body.parameters()]))
    assert found[0].any()
    torch.testing.assert_close(*found)


def test_rows_of_two_tasks_are_refused():
    body = nn.Linear(4, 4)
    z = body(torch.ones(3, 4))
    balance = Balance(UPGrad(), body.parameters(), source="disjoint")
    with pytest.raises(InvalidArgumentError, match="3 of 3 rows have labels of more than one task"):
        balance.backward({"a": z.square().mean(), "b": (z - 1).square().mean()})


def test_layers_that_mix_rows_are_refused():
    body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    z = body(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))
    balance = Balance(UPGrad(), body.parameters(), source="disjoint")
    with pytest.raises(InvalidArgumentError, match="NativeBatchNorm"):
        balance.backward({"a": z[:2].square().mean(), "b": (z[2:] - 1).square().mean()})


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
def test_what_all_rows_share_gets_one_gradient_per_task(kind, broken):
    weights, grads, source = step(kind, "disjoint", broken)
    expected_weights, expected, _ = step(kind, "exact", broken)
    assert source.startswith("disjoint")
    torch.testing.assert_close(weights, expected_weights, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(grads, expected, rtol=1e-6, atol=1e-9)
