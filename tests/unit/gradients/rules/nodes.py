"""One node of the graph under one rule, beside what autograd gives for each task."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.rules._backward_context import BackwardContext
from cotrain.gradients.rules._buffer_pool import BufferPool

K = 3


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def obey(rule, output: Tensor, n_tasks: int = K, *, owned: bool = False):
    """Return (per input of the node: found, expected), (per term: parameter, rows, expected), or `None`."""
    graph = TaskGraph([output.sum()])
    node = output.grad_fn
    assert node is not None
    pool = BufferPool()
    pool.start()
    context = BackwardContext(graph.leaves, graph.children, pool)
    grads = random(n_tasks, *output.shape, seed=3)
    given = grads.clone()
    if owned:
        given = pool.own(pool.take(grads.shape, grads).copy_(grads))
    terms = []
    results = rule(node, [given], context, terms.append)
    if results is None:
        return None

    def literal(target):
        rows = [
            torch.autograd.grad(output, target, grad, retain_graph=True, allow_unused=True)[0]
            for grad in grads
        ]
        return None if rows[0] is None else torch.stack([row.to_dense() for row in rows])

    inputs = []
    for (child, number), found in zip(graph.children[node], results, strict=True):
        if found is not None:
            assert child is not None
            target = graph.leaves[child] if child in graph.leaves else GradientEdge(child, number)
            inputs.append((found.reshape(n_tasks, -1), literal(target).reshape(n_tasks, -1)))
    return inputs, [(term, literal(term.parameter)) for term in terms]


def assert_obeys(rule, output: Tensor, *, n_terms: int, n_inputs: int = 1, **options) -> None:
    """Hold the rule to autograd: what goes on, the gradients of parameters, their Gramian."""
    found = obey(rule, output, **options)
    assert found is not None, "the rule has refused"
    inputs, terms = found
    assert (len(inputs), len(terms)) == (n_inputs, n_terms)
    for got, expected in inputs:
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)
    for term, expected in terms:
        torch.testing.assert_close(term.rows().reshape(expected.shape), expected, rtol=1e-9, atol=1e-11)
        flat = expected.flatten(1)
        torch.testing.assert_close(term.gramian(), flat @ flat.T, rtol=1e-9, atol=1e-10)
