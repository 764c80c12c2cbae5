"""The exact Gramian from one backward pass where each row of the batch belongs to one task."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import Edge, GraphInspection, Node, TaskGraph
from cotrain.gradients.rules._backward_context import BackwardContext
from cotrain.gradients.rules._batched_backward import PARAMETER_RULES, in_order, propagate
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import Term, WeightedSum, inner
from cotrain.gradients.rules._linear_and_elementwise import linear, listed
from cotrain.gradients.rules._linear_term import paired
from cotrain.gradients.rules._recurrent_layer import FUSED_LSTM, fused_lstm
from cotrain.gradients.rules._row_layout import RowPlan, Rows, RowsMixed, plan_rows, rows_of
from cotrain.gradients.rules._row_sparsity import touched_rows
from cotrain.gradients.sources._base import GradientRequest, GradientSource, TaskGradients
from cotrain.gradients.sources._exact import ExactSource


class DisjointSource(GradientSource):
    """The exact Gramian from ONE backward pass, for batches in which no row has labels of two tasks.

    So it is with a batch mixed from several data sets. Each row's δ then belongs to one task, and inner
    products of rows, summed over the tasks' blocks, are the inner products of the tasks' gradients: the cost
    hardly depends on K. Whether the rows are disjoint is checked at every step on what enters the shared
    part; a layer that mixes the rows of a batch (batch normalisation in training) is refused.
    """

    exact = True

    def __init__(self) -> None:
        self._inspection = GraphInspection()
        self._passes = ExactSource()
        self._workspace = BufferPool()

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Do the pass; one per task where hooks or functions written in Python want the engine.

        Raises:
            InvalidArgumentError: if a row belongs to two tasks, or rows are mixed.
        """
        graph = TaskGraph(asked.call.live)
        why = self._inspection.obstacle(graph, asked.shared.ids)
        if why is not None:
            rows = self._passes.open(asked)
            rows.why = why
            return rows
        cotangents = BoundaryGradients(asked, graph)
        found = has_disjoint_rows(graph, cotangents, touched_rows(cotangents.entering, len(asked.call.live)))
        if not isinstance(found, str):
            found = open_disjoint(graph, cotangents, found, asked, self._workspace)
        if isinstance(found, str):
            raise InvalidArgumentError(f"source='disjoint' does not fit this batch: {found} Use 'ghost'.")
        return found


def has_disjoint_rows(
    graph: TaskGraph, cotangents: BoundaryGradients, touched_KB: np.ndarray | None
) -> DisjointRows | str:
    """Return whose row each row of the batch is, or a sentence why there is no such thing.

    Args:
        graph: of the losses.
        cotangents: what the tasks send into the shared part.
        touched_KB: which rows that may differ from 0 in; `None`: the tasks do not read one batch.
    """
    entering = cotangents.entering
    if touched_KB is None or any(edge[0] in graph.leaves for edge in entering):
        return "the tasks do not read one batch."
    several = int((touched_KB.sum(0) > 1).sum())
    if several:
        return f"{several} of {touched_KB.shape[1]} rows have labels of more than one task."
    roots = {edge: next(iter(tasks.values())).shape for edge, tasks in entering.items()}
    order = in_order(graph, [edge[0] for edge in roots])
    plan = plan_rows(graph, order, roots, touched_KB.shape[1])
    if isinstance(plan, str):
        return f"{plan} may mix the rows of the batch."
    device = next(iter(next(iter(entering.values())).values())).like.device
    return DisjointRows(order, plan, torch.from_numpy(touched_KB.argmax(0)).to(device))


@dataclass(frozen=True)
class DisjointRows:
    """How the rows of a batch lie in the shared part, and whose they are.

    Args:
        order: the nodes of the shared part, each before what it hands gradient to.
        plan: how the rows lie.
        owner_B: the task of each row.
    """

    order: list[Node]
    plan: RowPlan
    owner_B: Tensor


def open_disjoint(
    graph: TaskGraph,
    cotangents: BoundaryGradients,
    rows: DisjointRows,
    asked: GradientRequest,
    workspace: BufferPool,
) -> DisjointGradients | str:
    """Take the sum of all tasks' gradients through the shared part, or say why it cannot be."""
    workspace.start()
    backward = RowBackward(graph, rows.plan, rows.owner_B, len(asked.call.live), workspace)
    try:
        with torch.no_grad():
            backward.run(rows.order, {edge: cotangents.sum_at(edge) for edge in cotangents.entering})
    except RowsMixed:
        return "a layer does more to the rows of the batch than its kind tells."
    return DisjointGradients(asked, cotangents, backward)


class RowWeightedSum(WeightedSum):
    """One δ with each row multiplied by its task's weight, none of them 0.

    Args:
        weights_A: the weights.
        owner_R: the task of each row.
    """

    def __init__(self, weights_A: Tensor, owner_R: Tensor) -> None:
        super().__init__(torch.ones(1))
        self._factor_R = weights_A[owner_R]

    def __call__(self, values: Tensor) -> Tensor:
        """Return the rows, [R, ...]."""
        held = self._done.get(id(values))
        if held is None:
            factor_R = self._factor_R.to(values)
            scaled = values[0] * factor_R.view(-1, *[1] * (values.ndim - 2))
            held = self._done[id(values)] = (values, scaled)
        return held[1]


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


class DisjointGradients(TaskGradients):
    """One δ per layer whose rows belong to tasks, and K gradients of what is the same for all rows."""

    way = "disjoint"

    def __init__(
        self, request: GradientRequest, cotangents: BoundaryGradients, backward: RowBackward
    ) -> None:
        super().__init__(request, cotangents.heads)
        self._cotangents = cotangents
        self._by_row = backward.by_row
        self._by_task = backward.by_task

    @torch.no_grad()
    def gramian(self) -> Tensor:
        """Return the K×K inner products, or their diagonal."""
        uses = Counter(id(term.parameter) for term in [*(term for term, _ in self._by_row), *self._by_task])
        once = {id(term): owner_R for term, owner_R in self._by_row if uses[id(term.parameter)] == 1}
        total = torch.zeros(self.n_tasks, self.n_tasks, dtype=torch.float64, device=self.device)
        for term in paired([term for term, _ in self._by_row if id(term) in once]):
            total += term.gramian_by_rows(once[id(term)], self.n_tasks)
        several: dict[int, list[Tensor]] = {}
        for term, owner_R in self._by_row:
            if id(term) not in once:
                several.setdefault(id(term.parameter), []).append(term.rows_by_owner(owner_R, self.n_tasks))
        for term in self._by_task:
            several.setdefault(id(term.parameter), []).append(term.rows())
        for rows in several.values():
            total += inner(rows[0] if len(rows) == 1 else torch.stack(rows).sum(0))
        return total.diagonal() if self.request.diagonal else total

    @torch.no_grad()
    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Add the gradient of δ with each row multiplied by its task's weight."""
        weights_A = weights_A.to(self.device)
        whole: dict[int, RowWeightedSum] = {}
        weigh_all = WeightedSum(weights_A)
        for term, owner_R in self._by_row:
            total = term.combined_by_owner(weigh_all)
            if total is not None:
                writer.add(term.parameter, total)
            elif bool((weights_A[owner_R] != 0).all()):
                # Layers with the same rows share the sum, so that a weight and its bias scale δ once.
                weigh = whole.setdefault(id(owner_R), RowWeightedSum(weights_A, owner_R))
                writer.add(term.parameter, term.combined(weigh))
            else:  # rows of weight 0 may not be finite
                rows = torch.nonzero(weights_A[owner_R] != 0).flatten()
                some = term.part(rows).scaled(weights_A[owner_R[rows]].to(term.parameter.dtype))
                writer.add(term.parameter, some.combined(WeightedSum(torch.ones(1))))
        for term in self._by_task:
            writer.add(term.parameter, term.combined(weigh_all))

    def _release(self) -> None:
        self._by_row, self._by_task = [], []
        self._cotangents.release()
