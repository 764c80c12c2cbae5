"""Hooks of others are found, our own do not count, and nothing that is looked at changes."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.graph import get_gradient_edge

from cotrain.gradients.graph._hooks import HookWatch, hooks_on, retains_grad
from cotrain.gradients.graph._task_graph import TaskGraph


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
