from __future__ import annotations

import torch
from torch import nn

from cotrain.gradients.graph._task_graph import SHARED, TaskGraph

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
