"""Nodes belong to whom autograd says; hooks of others are found; what the engine has to run is named."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd.graph import get_gradient_edge
from torch.utils.checkpoint import checkpoint

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UPGrad
from cotrain.gradients import Balance
from cotrain.gradients.graph._task_graph import (
    SHARED,
    GraphInspection,
    HookWatch,
    TaskGraph,
    hooks_on,
    retains_grad,
)

from ..networks import Net


def tasks_that_reach(parameter, losses):
    """Ask autograd, one loss at a time."""
    found = set()
    for task, loss in enumerate(losses):
        (grad,) = torch.autograd.grad(loss, [parameter], retain_graph=True, allow_unused=True)
        if grad is not None:
            found.add(task)
    return found


def test_a_leaf_belongs_to_the_one_task_that_reaches_it_or_is_shared():
    net = Net()
    losses = list(net.losses().values())
    graph = TaskGraph(losses)
    owners = {id(leaf): graph.owner[node] for node, leaf in graph.leaves.items()}
    assert len(owners) == len(list(net.parameters()))
    for parameter in net.parameters():
        reached_by = tasks_that_reach(parameter, losses)
        assert owners[id(parameter)] == (SHARED if len(reached_by) > 1 else min(reached_by))
    for task in range(3):
        wanted = [p for p in net.parameters() if task in tasks_that_reach(p, losses)]
        assert {id(leaf) for leaf in graph.leaves_of(task)} == {id(p) for p in wanted}


def test_gradient_crosses_where_a_tasks_own_node_has_a_shared_input():
    net = Net()
    losses = list(net.losses().values())
    graph = TaskGraph(losses)
    crossings = graph.crossings(with_own_leaves=False)
    assert [task for _, task, _ in crossings] == [0, 1, 2]
    for node, task, places in crossings:
        assert graph.owner[node] == task
        for place, (child, _) in enumerate(graph.children[node]):
            assert (place in places) == (child is not None and graph.owner[child] == SHARED)
    with_leaves = {
        child
        for node, _, places in graph.crossings()
        for child in (graph.children[node][place][0] for place in places)
    }
    own = {node for node in graph.leaves if graph.owner[node] != SHARED}
    # The bias is an input of the layer; the weight lies behind a transpose of its own.
    assert own <= with_leaves


def test_one_task_shares_nothing_and_a_loss_without_a_graph_owns_nothing():
    net = Net()
    graph = TaskGraph([net.losses()["t0"]])
    assert set(graph.owner.values()) == {0}
    assert graph.shared_nodes == []
    assert TaskGraph([]).owner == {}
    graph = TaskGraph([torch.zeros(()), net.losses()["t0"]])
    assert set(graph.owner.values()) == {1}


def test_slices_of_one_tensor_of_losses_own_the_slicing_alone():
    weight = nn.Parameter(torch.ones(3))
    losses = weight.square()
    graph = TaskGraph([losses[k] for k in range(3)])
    assert sorted(task for task in graph.owner.values() if task != SHARED) == [0, 1, 2]
    assert {node.name() for node in graph.shared_nodes} == {"PowBackward0", "torch::autograd::AccumulateGrad"}
    assert {kind.__name__ for kind in graph.kinds} >= {"PowBackward0", "SelectBackward0"}


def test_a_part_that_a_third_task_reaches_later_is_shared_to_its_leaves():
    first, second = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
    deep = first * 2
    middle = deep * second
    graph = TaskGraph([middle * 3, middle * 4, deep * 5])
    assert all(graph.owner[node] == SHARED for node in graph.leaves)
    assert len(graph.shared_nodes) == 4


# -- who listens inside --


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad * ctx.saved_tensors[0]


def obstacle(run, *, hook=None):
    layer, inspection = nn.Linear(3, 3), GraphInspection()
    z = run(layer, torch.ones(2, 3))
    if hook is not None:
        hook(layer, z)
    graph = TaskGraph([z.sum(), z.square().sum()])
    return inspection.obstacle(graph, frozenset(id(p) for p in layer.parameters()))


@pytest.mark.parametrize(
    ("run", "hook", "expected"),
    [
        (lambda layer, x: layer(x).tanh(), None, None),
        (lambda layer, x: Square.apply(layer(x)), None, "written in Python"),
        (lambda layer, x: checkpoint(layer, x, use_reentrant=False).tanh(), None, "packed"),
        (lambda layer, x: layer(x), lambda layer, z: z.register_hook(lambda g: g), "hooks"),
        (lambda layer, x: layer(x), lambda layer, z: layer.weight.register_hook(lambda g: g), "hooks"),
        (lambda layer, x: layer(x), lambda layer, z: z.retain_grad(), "retain_grad"),
    ],
)
def test_obstacles(run, hook, expected):
    found = obstacle(run, hook=hook)
    assert (found is None) if expected is None else (expected in found)


def test_a_hook_that_is_gone_counts_for_one_step():
    layer, inspection = nn.Linear(3, 3), GraphInspection()
    shared_ids = frozenset(map(id, layer.parameters()))
    found = []
    for remove_one in (True, False):
        z = layer(torch.ones(2, 3))
        if remove_one:
            layer.weight.register_hook(lambda g: g).remove()
        found.append(inspection.obstacle(TaskGraph([z.sum(), z.exp().sum()]), shared_ids))
    assert "hooks" in found[0]
    assert found[1] is None


@pytest.mark.parametrize("source", ["exact", "ghost", "auto", "disjoint", "representation"])
def test_what_single_tasks_cannot_have_is_refused_in_a_sentence(source):
    layer = nn.Linear(3, 3)
    balance = Balance(UPGrad(), layer.parameters(), source=source)
    z = checkpoint(lambda h: h.tanh(), layer(torch.ones(2, 3)), use_reentrant=True)
    with pytest.raises(InvalidArgumentError, match="use_reentrant=False"):
        balance.backward({"a": z[:1].sum(), "b": z[1:].square().sum()})
    z = layer(torch.ones(2, 3))
    node = layer.bias.expand_as(layer.bias).grad_fn.next_functions[0][0]
    node.register_hook(lambda ins, outs: None)
    with pytest.raises(InvalidArgumentError, match="register_post_accumulate_grad_hook"):
        balance.backward({"a": z[:1].sum(), "b": z[1:].square().sum()})


def graph_of(x: torch.Tensor) -> tuple[TaskGraph, torch.Tensor]:
    h = x.sin()
    return TaskGraph([h.square().sum(), h.cos().sum()]), h


@pytest.mark.parametrize("kind", ["tensor", "node", "before a node"])
def test_a_hook_of_others_is_heard(kind):
    x, watch = torch.ones(3, requires_grad=True), HookWatch()
    graph, h = graph_of(x)
    assert watch.silent(graph)
    if kind == "tensor":
        h.register_hook(lambda grad: grad)
    elif kind == "node":
        h.grad_fn.register_hook(lambda ins, outs: None)
    else:
        h.grad_fn.register_prehook(lambda outs: None)
    assert not watch.silent(graph)
    assert not watch.silent(graph), "the same graph again"
    assert watch.silent(graph_of(x)[0]), "a younger graph"


def test_a_hook_on_an_older_graph_is_not_forgotten_over_a_younger_one():
    x, watch = torch.ones(3, requires_grad=True), HookWatch()
    old, h = graph_of(x)
    h.register_hook(lambda grad: grad)
    assert not watch.silent(graph_of(x)[0])
    assert not watch.silent(old)


def test_hooks_of_this_library_do_not_count():
    x, watch = torch.ones(3, requires_grad=True), HookWatch()
    graph, h = graph_of(x)
    watch.register(h.grad_fn, lambda ins, outs: None)
    watch.register_before(h.grad_fn, lambda outs: None)
    assert watch.silent(graph)


def test_retain_grad_is_found_without_a_trace():
    x = torch.ones(3, requires_grad=True)
    graph, h = graph_of(x)
    assert not retains_grad(graph.shared_nodes)
    h.retain_grad()
    assert retains_grad(graph.shared_nodes)
    assert h.grad is None
    h.sum().backward()
    assert torch.equal(h.grad, torch.ones(3))


def test_hooks_on_a_node_are_counted():
    x = torch.ones(3, requires_grad=True)
    node = get_gradient_edge(x).node
    assert hooks_on(node) == 0
    node.register_hook(lambda ins, outs: None)
    node.register_prehook(lambda outs: None)
    assert hooks_on(node) == 2
    assert hooks_on(node) == 2, "asking leaves nothing behind"
