"""Give back what a graph has saved, as the last pass of `torch.autograd.grad` does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from cotrain.gradients.graph._task_graph import Node, TaskGraph, hook_watch


def release(graph: TaskGraph, roots: Iterable[Node], until: Iterable[tuple[Node, int]]) -> None:
    """Let the nodes between forget their saved tensors; a second backward pass then fails.

    The engine runs the nodes without a gradient, so that they compute nothing.

    Args:
        graph: of the losses.
        roots: nodes that have not been run.
        until: (node, number of its output) where it ends; none of them is run.
    """
    starts = [node for node in roots if node not in graph.leaves]
    ends = tuple([GradientEdge(*edge) for edge in until])
    if not starts or not ends:
        return
    zeros: dict[object, Tensor] = {}
    edges, grads = [], []
    for node in starts:
        output = node._input_metadata[0]
        kind = tuple(output.shape), output.dtype, output.device
        if kind not in zeros:
            zeros[kind] = torch.zeros((), dtype=kind[1], device=kind[2]).expand(kind[0])
        edges.append(GradientEdge(node, 0))
        grads.append(zeros[kind])
    handles = [hook_watch.register_before(node, _nothing_arrives) for node in starts]
    try:
        torch.autograd.Variable._execution_engine.run_backward(
            tuple(edges), tuple(grads), False, False, ends, True, accumulate_grad=False
        )
    finally:
        for handle in handles:
            handle.remove()


def _nothing_arrives(grads: tuple[Any, ...]) -> tuple[None, ...]:
    return (None,) * len(grads)
