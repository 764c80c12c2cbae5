"""Where a task's own part of the graph can be left one node before it meets the shared part.

A linear layer at the border would multiply its gradient out to the width of the representation, and a choice
of rows would put its gradient into zeros as tall as the batch. Both are known from fewer numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cotrain.gradients.graph._structured_gradients import (
    LowRankGradient,
    RowSparseGradient,
    StructuredGradient,
)
from cotrain.gradients.graph._task_graph import Node, TaskGraph
from cotrain.gradients.sources._base import TaskSpecificGradients


@dataclass(frozen=True)
class SkippedNode:
    """A node of one task that is not run.

    Args:
        node: the node.
        task: whose it is.
        place: the input over which it would hand gradient to the shared part.
        leaves: (place, parameter) of the node's parameters.
        below: the nodes on the way to them.
        inputs: what a linear layer has read, if its weight can learn.
        matrix: a linear layer's weight, I×O.
    """

    node: Node
    task: int
    place: int
    leaves: tuple[tuple[int, Tensor], ...] = ()
    below: tuple[Node, ...] = ()
    inputs: Tensor | None = None
    matrix: Tensor | None = None

    @property
    def bias(self) -> Tensor | None:
        """The bias of a linear layer, if it can learn."""
        return next((leaf for at, leaf in self.leaves if at < self.place), None)

    def parameters(self, *, bias: bool) -> list[Tensor]:
        """Return the parameters, with the bias or without."""
        return [leaf for at, leaf in self.leaves if bias or at > self.place]


def find_skipped_nodes(
    graph: TaskGraph, borders: Sequence[tuple[Node, int, int]], shared_ids: frozenset[int]
) -> dict[Node, SkippedNode]:
    """Return the nodes at the border that need not be run.

    Args:
        graph: of the losses.
        borders: (node, task, place) where a node hands gradient to the shared part over one input alone.
        shared_ids: ids of the shared parameters.
    """
    found: dict[Node, SkippedNode] = {}
    for node, task, place in borders:
        name = node.name()
        if node._input_metadata[0].dtype.is_complex:
            continue  # the engine conjugates where it has to
        if name == "IndexBackward0" and _picks_rows(node):
            found[node] = SkippedNode(node, task, place)
        elif name in ("AddmmBackward0", "MmBackward0"):
            layer = _layer(graph, SkippedNode(node, task, place), shared_ids)
            if layer is not None:
                found[node] = layer
    # A parameter that another node reads too has to be reached through both.
    readers = {node: 0 for stop in found.values() for node in stop.below}
    if readers:
        for edges in graph.children.values():
            for child, _ in edges:
                if child in readers:
                    readers[child] += 1
    return {node: stop for node, stop in found.items() if all(readers[part] == 1 for part in stop.below)}


def _picks_rows(node: Node) -> bool:
    indices = node._saved_indices
    kind = indices[0] if len(indices) == 1 else None
    return kind is not None and kind.ndim == 1 and kind.dtype in (torch.bool, torch.long)


def _layer(graph: TaskGraph, stop: SkippedNode, shared_ids: frozenset[int]) -> SkippedNode | None:
    """Add a linear layer's own parameters, or return `None` where it is something else."""
    node, place = stop.node, stop.place
    with_bias = node.name() == "AddmmBackward0"
    if place != (1 if with_bias else 0) or (with_bias and (node._saved_alpha != 1 or node._saved_beta != 1)):
        return None
    leaves, below, inputs = [], [], None
    for at, (child, _) in enumerate(graph.children[node]):
        if at == place or child is None:
            continue
        path = [child]
        if at == place + 1:
            if child.name() != "TBackward0":
                return None
            path.append(graph.children[child][0][0])
            inputs = (node._saved_mat1 if with_bias else node._saved_self).detach()
        leaf = graph.leaves.get(path[-1])
        # Whoever listens to a parameter wants the whole gradient to pass.
        if leaf is None or id(leaf) in shared_ids or leaf._backward_hooks or (at < place and leaf.ndim != 1):
            return None
        leaves.append((at, leaf))
        below += path
    matrix = node._saved_mat2.detach()
    return SkippedNode(node, stop.task, place, tuple(leaves), tuple(below), inputs, matrix)


def stopped(
    stops: Sequence[SkippedNode],
    grads: Sequence[Tensor | None],
    heads: TaskSpecificGradients,
    *,
    with_biases: bool,
) -> list[StructuredGradient | None]:
    """Return what each node would hand on, and give its parameters their gradients.

    Args:
        stops: the nodes.
        grads: the gradients of their outputs.
        heads: takes the gradients of the parameters.
        with_biases: those of the biases, too.
    """
    sent: list[StructuredGradient | None] = []
    layers: list[tuple[SkippedNode, Tensor]] = []
    for stop, grad in zip(stops, grads, strict=True):
        if grad is None:
            sent.append(None)
        elif stop.matrix is None:
            sent.append(_picked(stop.node, grad))
        else:
            layers.append((stop, grad))
            sent.append(LowRankGradient(grad, stop.matrix.T))
    _layer_grads(layers, heads, with_biases)
    return sent


def _picked(node: Node, grad: Tensor) -> StructuredGradient:
    index = node._saved_indices[0]
    n_rows = node._saved_self_sym_sizes[0]
    if index.dtype == torch.bool:
        index = torch.nonzero(index).flatten()
    return RowSparseGradient(torch.where(index < 0, index + n_rows, index), grad, n_rows)


def _layer_grads(
    layers: Sequence[tuple[SkippedNode, Tensor]], heads: TaskSpecificGradients, with_biases: bool
) -> None:
    """Multiply out the weights' gradients, those of layers with one input together."""
    groups: dict[tuple[object, ...], list[tuple[SkippedNode, Tensor]]] = {}
    for stop, grad in layers:
        inputs = stop.inputs
        key = (grad.dtype, *(() if inputs is None else (inputs.data_ptr(), inputs.shape, inputs.stride())))
        groups.setdefault(key, []).append((stop, grad))
    for group in groups.values():
        grads_BO = group[0][1] if len(group) == 1 else torch.cat([grad for _, grad in group], 1)
        inputs_BD = group[0][0].inputs
        widths = [grad.shape[1] for _, grad in group]
        if inputs_BD is not None:
            weights_OD = grads_BO.T @ inputs_BD
            each = zip(group, weights_OD.split(widths), strict=True)
            heads.hold_parts(weights_OD, [(stop.task, stop.leaves[-1][1], part) for (stop, _), part in each])
        if with_biases and any(stop.bias is not None for stop, _ in group):
            biases_O = grads_BO.sum(0)
            each = zip(group, biases_O.split(widths), strict=True)
            found = [(stop.task, stop.bias, part) for (stop, _), part in each]
            heads.hold_parts(
                biases_O, [(t, leaf, p.reshape(leaf.shape)) for t, leaf, p in found if leaf is not None]
            )
