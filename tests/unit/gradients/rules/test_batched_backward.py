from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.rules import _batched_backward
from cotrain.gradients.rules._batched_backward import can_propagate, in_order, mixing_node
from cotrain.gradients.rules._buffer_pool import BufferPool

from .nodes import random

K = 3
propagate = torch.no_grad()(_batched_backward.propagate)


class Residual(nn.Module):
    """A layer used twice, a sum of two ways, a softmax that has no rule of its own."""

    def __init__(self):
        super().__init__()
        self.layer, self.out, self.shift = nn.Linear(4, 4), nn.Linear(4, 3), nn.Parameter(torch.zeros(1, 4))

    def forward(self, x):
        z = x + torch.relu(self.layer(x)) + self.shift
        return self.out((z + self.layer(torch.tanh(z))).softmax(-1))


BODIES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.LayerNorm(6), nn.Linear(6, 3)), (7, 4)),
    "one row": (lambda: nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3)), (1, 4)),
    "residual": (Residual, (7, 4)),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
        ),
        (5, 2, 5, 5),
    ),
    "lstm": (lambda: nn.LSTM(4, 3, batch_first=True), (2, 3, 4)),
}


def made(kind):
    make, shape = BODIES[kind]
    body = make().double()
    for seed, parameter in enumerate(body.parameters()):
        with torch.no_grad():
            parameter.copy_(random(*parameter.shape, seed=seed) / 2)
    output = body(random(*shape, seed=99))
    output = output[0] if isinstance(output, tuple) else output
    return body, output, TaskGraph([output.sum()])


def rows_of(terms, parameters):
    """Return the K gradients of each parameter, those of its uses added up."""
    found = {id(p): torch.zeros(K, *p.shape, dtype=p.dtype) for p in parameters}
    for term in terms:
        found[id(term.parameter)] = found[id(term.parameter)] + term.rows()
    return [found[id(p)] for p in parameters]


def literal(output, parameters, grads):
    return [
        torch.stack([torch.autograd.grad(output, p, grad, retain_graph=True)[0] for grad in grads])
        for p in parameters
    ]


def sent(output, pool):
    pool.start()
    grads = random(K, *output.shape, seed=3)
    return grads, pool.own(pool.take(grads.shape, grads).copy_(grads))


@pytest.mark.parametrize("kind", BODIES)
def test_all_tasks_at_once_get_what_one_pass_per_task_gives(kind):
    body, output, graph = made(kind)
    parameters, pool = list(body.parameters()), BufferPool()
    grads, given = sent(output, pool)
    terms = propagate(graph, {(output.grad_fn, 0): given}, K, pool)
    for found, expected in zip(rows_of(terms, parameters), literal(output, parameters, grads), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["mlp", "residual"])
def test_the_walk_ends_where_what_is_wanted_is_reached(kind):
    body, output, graph = made(kind)
    pool, wanted = BufferPool(), list(body.parameters())[-2:]
    grads, given = sent(output, pool)
    terms = propagate(graph, {(output.grad_fn, 0): given}, K, pool, only={id(p) for p in wanted})
    assert {id(term.parameter) for term in terms} == {id(p) for p in wanted}
    for found, expected in zip(rows_of(terms, wanted), literal(output, wanted, grads), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_gradients_may_enter_at_a_parameter_and_below_another_entrance():
    first, second = nn.Parameter(random(3)), nn.Parameter(random(3, seed=1))
    low = first * 2
    high = low * second
    graph = TaskGraph([high.sum() + low.sum() + second.sum()])
    at = {name: random(K, 3, seed=n) for n, name in enumerate(("high", "low", "second"))}
    leaf = next(node for node, tensor in graph.leaves.items() if tensor is second)
    entering = {(high.grad_fn, 0): at["high"], (low.grad_fn, 0): at["low"], (leaf, 0): at["second"]}
    found = rows_of(propagate(graph, entering, K, BufferPool()), [first, second])
    torch.testing.assert_close(found[0], (at["high"] * second + at["low"]).detach() * 2)
    torch.testing.assert_close(found[1], (at["high"] * low + at["second"]).detach())


def test_every_node_comes_before_what_it_hands_gradient_to():
    _, output, graph = made("residual")
    order = in_order(graph, [output.grad_fn])
    place = {node: number for number, node in enumerate(order)}
    assert len(place) == len(order)
    for node in order:
        for child, _ in graph.children[node]:
            assert child is None or place[node] < place[child]


def test_what_mixes_the_rows_of_a_batch_is_named():
    def mixing(module, shape=(6, 4), rows=6):
        output = module(random(*shape))
        return mixing_node(TaskGraph([output.sum()]), [output.grad_fn], rows)

    assert mixing(BODIES["mlp"][0]().double()) is None
    norm = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    assert mixing(norm) == "NativeBatchNormBackward0"
    assert mixing(norm.eval()) is None
    weight = nn.Parameter(random(4, 4))
    assert mixing(lambda x: (x @ weight).softmax(0)) == "SoftmaxBackward0"
    assert mixing(lambda x: (x @ weight).T @ (x @ weight)) == "MmBackward0"
    assert mixing(lambda x: (x @ weight).view(3, 8).tanh().view(6, 4)) == "ViewBackward0"


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_functions_written_in_python_cannot_be_run_one_at_a_time():
    weight = nn.Parameter(random(3))
    assert can_propagate(TaskGraph([(weight * 2).sum()]))
    assert not can_propagate(TaskGraph([Doubled.apply(weight).sum()]))
