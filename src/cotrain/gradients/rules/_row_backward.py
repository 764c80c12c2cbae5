"""Take one gradient, whose rows belong to tasks, through the shared part of a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cotrain.gradients.graph._task_graph import Edge, Node, TaskGraph
from cotrain.gradients.rules._backward_context import BackwardContext
from cotrain.gradients.rules._batched_backward import PARAMETER_RULES, propagate
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import Term
from cotrain.gradients.rules._linear_and_elementwise import linear, listed
from cotrain.gradients.rules._recurrent_layer import FUSED_LSTM, fused_lstm
from cotrain.gradients.rules._row_layout import RowPlan, Rows, RowsMixed, rows_of


class RowBackward:
    """The pass, and what it finds.

    What is the same for all rows (a scale, a table of positions, a class token) gets one gradient per task
    from there on.

    Args:
        graph: of the losses.
        plan: how the rows lie.
        owner_B: the task of each row of the batch.
        n_tasks: K.
        workspace: memory for gradients.
    """

    def __init__(
        self, graph: TaskGraph, plan: RowPlan, owner_B: Tensor, n_tasks: int, workspace: BufferPool
    ) -> None:
        self._graph = graph
        self._plan = plan
        self._owner_B = owner_B
        self._n_tasks = n_tasks
        self._workspace = workspace
        self._owners: dict[tuple[int, int], Tensor] = {}
        self._pending: dict[Edge, Tensor] = {}
        # By id, beside the gradient, so that the id cannot be given to another.
        self._unseen: dict[int, Tensor] = {}
        self._free: dict[Edge, Tensor] = {}
        #: One use of a parameter, and the task of each of its rows.
        self.by_row: list[tuple[Term, Tensor]] = []
        #: Uses of parameters with K gradients.
        self.by_task: list[Term] = []

    def run(self, order: Sequence[Node], sums: Mapping[Edge, Tensor]) -> None:
        """Run every node once.

        Args:
            order: nodes, each before what it hands gradient to.
            sums: what enters, all tasks together.

        Raises:
            RowsMixed: if a node turns out to do something else than was planned.
        """
        self._pending.update(sums)
        context = BackwardContext(self._graph.leaves, self._graph.children, self._workspace)
        for node in order:
            if node in self._graph.leaves or node in self._plan.free_nodes:
                continue
            grads = [self._pending.pop((node, n), None) for n in range(len(node._input_metadata))]
            if any(grad is not None for grad in grads):
                self._step(node, grads, context)
        if self._free:
            self.by_task = propagate(self._graph, self._free, self._n_tasks, self._workspace)

    def _step(self, node: Node, grads: list[Tensor | None], context: BackwardContext) -> None:
        number, shape = next((n, tuple(grad.shape)) for n, grad in enumerate(grads) if grad is not None)
        stride = self._plan.strides[node, number]
        rows = rows_of(shape, stride, self._plan.n_rows)
        if node.name() == FUSED_LSTM:
            self._recurrent(node, grads)
            return
        rule = PARAMETER_RULES.get(node.name())
        if node.name() == "ReluBackward0" and id(grads[0]) in self._unseen:
            # Nobody else reads what a linear layer has just made: it is written over.
            result = node._saved_result.detach()
            results = [torch.ops.aten.threshold_backward.grad_input(grads[0], result, 0, grad_input=grads[0])]
        elif rule is None:
            results = listed(node(*grads))
        else:
            emitted: list[Term] = []
            found = rule(
                node, [None if grad is None else grad[None] for grad in grads], context, emitted.append
            )
            if found is None:
                raise RowsMixed
            results = [None if result is None else result[0] for result in found]
            if rule is linear:
                self._unseen.update({id(result): result for result in results if result is not None})
            for term in emitted:
                self.by_row.append((term, self._owner_of(node, term, shape, stride)))
        for edge, result in zip(self._graph.children[node], results, strict=True):
            if edge[0] is None or result is None:
                continue
            if edge in self._plan.free and edge not in self._plan.strides:
                whole = grads[number] if node.name() == "ExpandBackward0" else result
                self._add(self._free, edge, self._per_task(whole, shape, rows), lead=1)
            else:
                self._add(self._pending, edge, result, lead=0)

    def _recurrent(self, node: Node, grads: list[Tensor | None]) -> None:
        results, per_task = fused_lstm(node, grads, self._owner_B, self._n_tasks)
        edges = self._graph.children[node]
        for edge, result in zip(edges, results, strict=True):
            if edge[0] is not None and result is not None:
                self._add(self._pending, edge, result, lead=0)
        for edge, result in zip(edges[1:], per_task, strict=False):
            if edge[0] is not None:
                self._add(self._free, edge, result, lead=1)

    def _owner_of(self, node: Node, term: Term, shape: tuple[int, ...], stride: int) -> Tensor:
        if node.name() == "EmbeddingBagBackward0":
            places_N = torch.arange(term.n_rows(), device=self._owner_B.device)
            bags_N = torch.searchsorted(node._saved_offsets, places_N, right=True) - 1
            return self._owners_in(shape[0], stride // shape[1])[bags_N]
        return self._owners_in(term.n_rows(), stride * term.n_rows() // math.prod(shape))

    def _owners_in(self, n_rows: int, inner: int) -> Tensor:
        held = self._owners.get((n_rows, inner))
        if held is None:
            places_R = torch.arange(n_rows, device=self._owner_B.device)
            held = self._owners[n_rows, inner] = self._owner_B[places_R // inner % self._plan.n_rows]
        return held

    def _per_task(self, grad: Tensor | None, shape: tuple[int, ...], rows: Rows) -> Tensor:
        """Sum each task's rows, [K, *shape] with 1 along the axis of the rows."""
        if grad is None or tuple(grad.shape) != shape:
            raise RowsMixed
        before, behind = shape[: rows.axis], shape[rows.axis + 1 :]
        split = grad.reshape(math.prod(before), -1, self._plan.n_rows, rows.inner, math.prod(behind))
        by_row = split.sum((1, 3)).transpose(0, 1)  # [B, before, behind]
        total = by_row.new_zeros(self._n_tasks, *by_row.shape[1:]).index_add_(0, self._owner_B, by_row)
        return total.view(self._n_tasks, *before, 1, *behind)

    def _add(self, pending: dict[Edge, Tensor], edge: Edge, grad: Tensor, lead: int) -> None:
        leaf = self._graph.leaves.get(edge[0])
        like = edge[0]._input_metadata[edge[1]] if leaf is None else leaf
        wanted = (*grad.shape[:lead], *like.shape)
        if tuple(grad.shape) != wanted:
            extra = grad.ndim - len(wanted)
            grad = grad.sum(tuple(range(lead, lead + extra))) if extra > 0 else grad
            grad = grad.sum_to_size(wanted)
        grad = grad if grad.dtype == like.dtype else grad.to(like.dtype)
        pending[edge] = pending[edge] + grad if edge in pending else grad
