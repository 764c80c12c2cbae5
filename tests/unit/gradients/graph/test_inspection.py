"""What has to be run by the engine is named, and what it cannot run for one task alone is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UPGrad
from cotrain.gradients import Balance
from cotrain.gradients.graph._inspection import GraphInspection
from cotrain.gradients.graph._task_graph import TaskGraph


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
