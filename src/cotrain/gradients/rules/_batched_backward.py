"""Take K gradients through the shared part of an autograd graph at once."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import Edge, Node, TaskGraph
from cotrain.gradients.rules import _linear_and_elementwise as rules
from cotrain.gradients.rules._backward_context import BackwardContext, Grads, Rule
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import DirectTerm, Term
from cotrain.gradients.rules._normalisation import batch_norm, convolution, layer_norm
from cotrain.gradients.rules._row_sparsity import RowSparsity

#: Nodes without a rule of their own that keep the rows of a batch apart.
_ROW_BY_ROW = frozenset(
    {
        "AdaptiveAvgPool2DBackward0",
        "AvgPool2DBackward0",
        "GeluBackward0",
        "MaxPool2DWithIndicesBackward0",
        "NativeDropoutBackward0",
        "ToCopyBackward0",
    }
)

#: Nodes that read parameters.
PARAMETER_RULES: dict[str, Rule] = {
    "AddmmBackward0": rules.linear,
    "MmBackward0": rules.linear,
    "EmbeddingBackward0": rules.embedding,
    "EmbeddingBagBackward0": rules.embedding_bag,
    "NativeLayerNormBackward0": layer_norm,
    "NativeBatchNormBackward0": batch_norm,
    "ConvolutionBackward0": convolution,
}
_RULES: dict[str, Rule] = {
    **PARAMETER_RULES,
    "AddBackward0": rules.add,
    "SubBackward0": rules.add,
    **dict.fromkeys(rules.ELEMENTWISE, rules.elementwise),
    **dict.fromkeys(rules.RESHAPES, rules.reshaped),
    "ReluBackward0": rules.rectified,
}


def can_propagate(graph: TaskGraph) -> bool:
    """Return whether all nodes are PyTorch's own, which can be run one at a time.

    Functions written in Python and compiled graphs cannot.
    """
    return not any(issubclass(kind, torch.autograd.function.BackwardCFunction) for kind in graph.kinds)


def mixing_node(graph: TaskGraph, roots: list[Node], n_rows: int) -> str | None:
    """Return the name of a node below the roots that may mix the rows of a batch, or `None`.

    A tensor whose first axis is a multiple of the batch, in the same order, keeps its rows apart.
    """
    for node in in_order(graph, roots):
        name = node.name()
        if node in graph.leaves or name in ("TBackward0", "ToCopyBackward0"):
            continue
        training = name == "NativeBatchNormBackward0" and node._saved_training
        if training or not (name in _RULES or name in _ROW_BY_ROW) or _reads_rows_as_matrix(graph, node):
            return name
        for (child, number), read in zip(graph.children[node], _layer_inputs(name, node), strict=False):
            if child is None or not read:
                continue
            shape = (graph.leaves[child] if child in graph.leaves else child._input_metadata[number]).shape
            if child in graph.leaves or not shape or shape[0] % n_rows:
                return name
    return None


def _reads_rows_as_matrix(graph: TaskGraph, node: Node) -> bool:
    """Return whether a product's second factor is computed, or its numbers are complex."""
    if node._input_metadata[0].dtype.is_complex:
        return True
    place = {"AddmmBackward0": 2, "MmBackward0": 1}.get(node.name())
    if place is None or graph.children[node][place][0] is None:
        return False
    return BackwardContext(graph.leaves, graph.children, BufferPool()).parameter(node, place) is None


def _layer_inputs(name: str, node: Node) -> list[bool]:
    """Return which inputs of a node are rows, not parameters of a layer."""
    if name == "AddmmBackward0":
        return [False, True, False]
    if name in (
        "MmBackward0",
        "ConvolutionBackward0",
        "NativeLayerNormBackward0",
        "NativeBatchNormBackward0",
    ):
        return [True, False, False]
    if name in ("EmbeddingBackward0", "EmbeddingBagBackward0"):
        return [False]
    return [True] * len(node.next_functions)


def stacked(cotangents: BoundaryGradients, n_tasks: int, workspace: BufferPool) -> dict[Edge, Tensor]:
    """Return the tasks' gradients [K, ...] at every entrance, 0 for tasks that have none there.

    They are owned by the workspace and may be written over.
    """
    workspace.start()
    result = {}
    for edge, tasks in cotangents.entering.items():
        first = next(iter(tasks.values()))
        rows = workspace.take((n_tasks, *first.shape), first.like)
        for task in range(n_tasks):
            if task in tasks:
                tasks[task].write(rows[task])
            else:
                rows[task].zero_()
        tasks.clear()
        result[edge] = workspace.own(rows)
    return result


def propagate(
    graph: TaskGraph,
    entering: dict[Edge, Tensor],
    n_tasks: int,
    workspace: BufferPool,
    only: Collection[int] | None = None,
    kept: RowSparsity | None = None,
) -> list[Term]:
    """Run every node of the shared part once, for K gradients together.

    Nodes without a rule of their own run once per task, which is exact for whatever they do.

    Args:
        graph: of the losses; its shared leaves are shared parameters.
        entering: gradients [K, *shape] per entrance.
        n_tasks: K, the tasks that are present.
        workspace: memory for the gradients; what enters may be written over if it is owned there.
        only: ids of the parameters that are wanted; the walk goes no further than they need. `None`: all.
        kept: the rows that may differ from 0. `None`: all.

    Returns:
        One term per use of a parameter.
    """
    terms: list[Term] = []
    pending: dict[Node, dict[int, Tensor]] = {}
    for (node, number), grad in entering.items():
        _add(pending, node, number, grad, workspace)
    order = in_order(graph, [edge[0] for edge in entering])
    wanted = None if only is None else _leading_to(graph, order, only)
    uses = BackwardContext(graph.leaves, graph.children, workspace, wanted, kept)
    for node in order:
        arrived = pending.pop(node, None)
        if arrived is None or (wanted is not None and node not in wanted):
            continue
        if node in graph.leaves:
            leaf = graph.leaves[node]
            terms.append(DirectTerm(leaf, _fitted(arrived[0], leaf.shape, leaf.dtype)))
            continue
        grads: Grads = [arrived.get(number) for number in range(max(len(node._input_metadata), 1))]
        # The rules know real numbers; a node itself conjugates where it has to.
        real = not any(grad is not None and grad.is_complex() for grad in grads)
        rule = _RULES.get(node.name()) if real else None
        if rule is not rules.rectified:
            for grad in grads:
                workspace.release(grad)
        emitted: list[Term] = []
        results = None if rule is None else rule(node, grads, uses, emitted.append)
        if results is None:
            results, emitted = rules.one_by_one(node, grads, n_tasks), []
        terms += emitted
        for (child, number), result in zip(graph.children[node], results, strict=True):
            if child is not None and result is not None:
                metadata = child._input_metadata[number] if child not in graph.leaves else graph.leaves[child]
                fitted = _fitted(result, tuple(metadata.shape), metadata.dtype)
                _add(pending, child, number, fitted, workspace)
    return terms if only is None else [term for term in terms if id(term.parameter) in only]


def _leading_to(graph: TaskGraph, order: list[Node], only: Collection[int]) -> set[Node]:
    """Return the nodes from which one of the wanted parameters is reached."""
    found: set[Node] = set()
    for node in reversed(order):
        leaf = graph.leaves.get(node)
        if (leaf is not None and id(leaf) in only) or any(c in found for c, _ in graph.children[node]):
            found.add(node)
    return found


def _add(
    pending: dict[Node, dict[int, Tensor]], node: Node, number: int, grad: Tensor, workspace: BufferPool
) -> None:
    held = pending.setdefault(node, {})
    if number in held:
        workspace.release(grad)
        workspace.release(held[number])
        held[number] = held[number] + grad
    else:
        held[number] = grad


def _fitted(grad: Tensor, shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Sum over what a broadcast repeated, and take the type that the node expects."""
    wanted = (grad.shape[0], *shape)
    if tuple(grad.shape) != wanted:
        extra = grad.ndim - len(wanted)
        if extra > 0:
            grad = grad.sum(tuple(range(1, 1 + extra)))
        grad = grad.sum_to_size(wanted)
    if grad.dtype == dtype:
        return grad
    return (grad.real if grad.is_complex() and not dtype.is_complex else grad).to(dtype)


def in_order(graph: TaskGraph, roots: list[Node]) -> list[Node]:
    """Return the nodes below the roots, each before everything that it hands gradient to."""
    order: list[Node] = []
    done: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, finished = stack.pop()
            if finished:
                order.append(node)
            elif node not in done:
                done.add(node)
                stack.append((node, True))
                stack += [
                    (child, False)
                    for child, _ in graph.children[node]
                    if child is not None and child not in done
                ]
    return order[::-1]
