"""Leaving a task's own part one node early gives what running that node would have given."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients import Balance
from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._structured_gradients import DenseGradient, LowRankGradient, RowSparseGradient
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.sources._base import GradientRequest

from ..networks import Inverse


class Heads(nn.Module):
    """Two tasks on one representation; `kind` says how they read it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.kind = kind
        self.encoder = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
        self.heads = nn.ModuleList(nn.Linear(5, 2, bias=kind != "no bias") for _ in range(2))
        self.x = torch.randn(7, 4, generator=generator)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        if kind == "frozen weight":
            self.heads[0].weight.requires_grad_(False)
        if kind == "frozen bias":
            self.heads[1].bias.requires_grad_(False)
        if kind == "zero weight":
            self.heads[0].weight.data.zero_()
        if kind == "hook":
            self.heads[0].weight.register_hook(lambda grad: 3 * grad)
        self.double()
        self.x = self.x.double()

    def losses(self) -> dict[str, torch.Tensor]:
        z = self.encoder(self.x)
        a, b = z, z
        if self.kind == "numbers":
            a, b = z[torch.tensor([0, -1, 3, 3])], z[torch.tensor([1, 2])]
        elif self.kind == "mask":
            mask = torch.tensor([True, False, True, False, True, True, False])
            a, b = z[mask], z[~mask]
        elif self.kind == "scaled":
            a = torch.addmm(self.heads[0].bias, z, self.heads[0].weight.T, alpha=2.0)
        out_a = a if self.kind == "scaled" else self.heads[0](a)
        if self.kind == "layer twice":
            out_a = out_a + self.heads[0](z * 2)
        if self.kind == "weight twice":
            out_a = out_a + self.heads[0].weight.sum()
        if self.kind == "read twice":
            out_a = out_a + z[:, :2]
        return {"a": out_a.square().mean(), "b": (self.heads[1](b) - 1).pow(3).mean()}


KINDS = [
    *("plain", "no bias", "frozen weight", "frozen bias", "zero weight", "hook", "numbers", "mask", "scaled"),
    *("layer twice", "weight twice", "read twice"),
]


def all_grads(kind: str, source: str) -> list[torch.Tensor | None]:
    net = Heads(kind)
    Balance(Inverse(), net.encoder.parameters(), source=source).backward(net.losses())
    return [parameter.grad for parameter in net.parameters()]


@pytest.mark.parametrize("source", ["ghost", "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_running_every_node(kind, source):
    for found, expected in zip(all_grads(kind, source), all_grads(kind, "exact"), strict=True):
        if expected is None:
            assert found is None
        else:
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("source", ["exact", "ghost"])
def test_whoever_retains_a_heads_gradient_gets_it_once(source):
    net = Heads("plain")
    z = net.encoder(net.x)
    outputs = [head(z) for head in net.heads]
    for output in outputs:
        output.retain_grad()
    losses = {name: output.square().mean() for name, output in zip("ab", outputs, strict=True)}
    Balance(Inverse(), net.encoder.parameters(), source=source).backward(losses)
    for output in outputs:
        torch.testing.assert_close(output.grad, 2 * output.detach() / output.numel())


def sent(kind: str) -> list[type]:
    net = Heads(kind)
    call = order_losses(net.losses(), ("a", "b"), torch.device("cpu"))
    asked = GradientRequest(call, SharedParameters(net.encoder.parameters()))
    (tasks,) = BoundaryGradients(asked, TaskGraph(call.live)).entering.values()
    return [type(tasks[task]) for task in range(2)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("plain", [LowRankGradient, LowRankGradient]),
        ("no bias", [LowRankGradient, LowRankGradient]),
        ("frozen weight", [LowRankGradient, LowRankGradient]),
        ("hook", [DenseGradient, LowRankGradient]),
        ("weight twice", [DenseGradient, LowRankGradient]),
        ("layer twice", [DenseGradient, LowRankGradient]),
        ("scaled", [DenseGradient, LowRankGradient]),
        ("numbers", [RowSparseGradient, RowSparseGradient]),
        ("mask", [RowSparseGradient, RowSparseGradient]),
    ],
)
def test_which_nodes_are_not_run(kind, expected):
    assert sent(kind) == expected


@pytest.mark.parametrize("widths", [(1, 1), (2, 3)])
def test_representation_of_linear_heads(widths):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).double()
    heads = nn.ModuleList(nn.Linear(4, width) for width in widths).double()
    x = torch.randn(6, 3, dtype=torch.float64)
    z = encoder(x)
    losses = {name: head(z).square().mean() for name, head in zip("ab", heads, strict=True)}
    grads = [torch.autograd.grad(loss, z, retain_graph=True)[0].flatten() for loss in losses.values()]
    gramian = torch.stack(grads) @ torch.stack(grads).T
    weights = torch.as_tensor(Inverse().weights(torch.ones(2).numpy(), gramian.numpy()))
    torch.stack(list(losses.values())).dot(weights).backward(inputs=list(encoder.parameters()))
    expected = [parameter.grad.clone() for parameter in encoder.parameters()]
    encoder.zero_grad()
    z = encoder(x)
    losses = {name: head(z).square().mean() for name, head in zip("ab", heads, strict=True)}
    Balance(Inverse(), encoder.parameters(), source="representation").backward(losses)
    for parameter, grad in zip(encoder.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-10, atol=1e-12)
