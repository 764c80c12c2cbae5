from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients._shared_parameters import GradWriter, SharedParameters
from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients, separable
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.sources._base import GradientRequest

from ..networks import Net


def opened(net, losses, *, retain=False):
    call = order_losses(losses, list(losses), torch.device("cpu"))
    asked = GradientRequest(call, SharedParameters(net.encoder.parameters()), retain=retain)
    graph = TaskGraph(call.live)
    return BoundaryGradients(asked, graph), graph


class TwoLayers(Net):
    """Heads with a hidden layer, so that not all of a head lies at the border."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1)) for _ in range(3)
        ).double()


@pytest.mark.parametrize("cls", [Net, TwoLayers])
@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("names", [["t0", "t1", "t2"], ["t2", "t0"]])
def test_one_pass_picks_up_what_each_task_sends_to_the_representation(cls, retain, names):
    net = cls()
    z = net.encoder(net.x)
    losses = {name: loss for name, loss in net.losses_of(z).items() if name in names}
    expected = [torch.autograd.grad(loss, z, retain_graph=True)[0] for loss in losses.values()]
    heads = [
        torch.autograd.grad(loss, list(net.heads.parameters()), retain_graph=True, allow_unused=True)
        for loss in losses.values()
    ]
    boundary, _ = opened(net, losses, retain=retain)
    (edge,) = boundary.entering
    assert edge[0] is z.grad_fn
    for task, literal in enumerate(expected):
        torch.testing.assert_close(boundary.entering[edge][task].whole(), literal)
    torch.testing.assert_close(boundary.sum_at(edge), sum(expected))
    boundary.heads.apply([2.0, 3.0, 4.0][: len(names)], GradWriter())
    for place, parameter in enumerate(net.heads.parameters()):
        wanted = [
            w * row[place] for w, row in zip((2.0, 3.0, 4.0), heads, strict=False) if row[place] is not None
        ]
        if wanted:
            torch.testing.assert_close(parameter.grad, sum(wanted))
        else:
            assert parameter.grad is None


def test_what_a_task_sends_in_twice_is_added_up():
    net = Net()
    z = net.encoder(net.x)
    loss = net.heads[0](z).square().mean() + z.sin().sum() + z.cos().sum()
    other = net.heads[1](z).square().mean()
    (expected,) = torch.autograd.grad(loss, z, retain_graph=True)
    boundary, _ = opened(net, {"a": loss, "b": other})
    (edge,) = boundary.entering
    torch.testing.assert_close(boundary.entering[edge][0].whole(), expected)


def test_nested_entrances_get_their_own_parts_and_nothing_is_counted_twice():
    net = Net()
    hidden = net.encoder[1](net.encoder[0](net.x))
    z = net.encoder[3](net.encoder[2](hidden))
    losses = {"a": net.heads[0](z).square().mean() + hidden.square().sum(), "b": net.heads[1](z).mean()}
    j = [
        torch.autograd.grad(loss, list(net.encoder.parameters()), retain_graph=True)
        for loss in losses.values()
    ]
    boundary, graph = opened(net, losses, retain=True)
    assert {edge[0] for edge in boundary.entering} == {z.grad_fn, hidden.grad_fn}
    for task in range(2):
        sent = [(edge, tasks[task].whole()) for edge, tasks in boundary.entering.items() if task in tasks]
        grads = torch.autograd.grad(
            [torch.autograd.graph.GradientEdge(*edge) for edge, _ in sent],
            list(net.encoder.parameters()),
            [grad for _, grad in sent],
            retain_graph=True,
        )
        for got, expected in zip(grads, j[task], strict=True):
            torch.testing.assert_close(got, expected)
    assert separable(graph, frozenset(id(p) for p in net.encoder.parameters()))


def test_a_leaf_of_several_tasks_outside_the_shared_parameters_is_not_separable():
    net = Net()
    graph = TaskGraph(list(net.losses().values()))
    ids = [id(p) for p in net.encoder.parameters()]
    assert separable(graph, frozenset(ids))
    assert not separable(graph, frozenset(ids[1:]))
    assert separable(TaskGraph([net.losses()["t0"]]), frozenset())


def test_hooks_are_gone_afterwards():
    net = Net()
    losses = net.losses()
    opened(net, losses, retain=True)
    sum(losses.values()).backward()
    plain = Net()
    sum(plain.losses().values()).backward()
    for one, other in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
