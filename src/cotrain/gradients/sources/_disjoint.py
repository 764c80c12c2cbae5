"""The exact Gramian from one backward pass where each row of the batch belongs to one task."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._inspection import GraphInspection
from cotrain.gradients.graph._task_graph import Node, TaskGraph
from cotrain.gradients.rules._batched_backward import in_order
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import WeightedSum, inner
from cotrain.gradients.rules._linear_term import paired
from cotrain.gradients.rules._row_backward import RowBackward
from cotrain.gradients.rules._row_layout import RowPlan, RowsMixed, plan_rows
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
