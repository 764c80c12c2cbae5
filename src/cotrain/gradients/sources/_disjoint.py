"""The exact Gramian from one backward pass where each row of the batch belongs to one task."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._inspection import GraphInspection
from cotrain.gradients.graph._task_graph import SHARED, Edge, TaskGraph
from cotrain.gradients.rules._batched_backward import mixing_node, propagate
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import Term, WeightedSum, inner
from cotrain.gradients.rules._linear_term import paired
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
        if isinstance(found, str):
            raise InvalidArgumentError(f"source='disjoint' does not fit this batch: {found} Use 'ghost'.")
        return open_disjoint(graph, cotangents, found, asked, self._workspace)


#: What keeps every row of the batch in a task's loss, if it reads them all.
_ALL_ROWS = frozenset(
    {
        "AccumulateGrad",
        "AddBackward0",
        "AddmmBackward0",
        "DivBackward0",
        "GeluBackward0",
        "MeanBackward0",
        "MeanBackward1",
        "MmBackward0",
        "MseLossBackward0",
        "PowBackward0",
        "ReluBackward0",
        "RsubBackward1",
        "SigmoidBackward0",
        "SqueezeBackward0",
        "SqueezeBackward1",
        "SubBackward0",
        "SumBackward0",
        "SumBackward1",
        "TBackward0",
        "TanhBackward0",
        "UnsqueezeBackward0",
        "ViewBackward0",
    }
)


def may_pick_rows(graph: TaskGraph) -> bool:
    """Return whether a task's own part may leave out rows: by an index, a mask, a label that is missing."""
    for node, task in graph.owner.items():
        if task != SHARED and type(node).__name__ not in _ALL_ROWS:
            scalar = type(node).__name__ == "MulBackward0" and not node._input_metadata[0].shape
            column = type(node).__name__ == "SelectBackward0" and node._saved_dim != 0
            if not scalar and not column:
                return True
    return False


def has_disjoint_rows(
    graph: TaskGraph, cotangents: BoundaryGradients, touched_KB: np.ndarray | None
) -> Tensor | str:
    """Return the task of each row of the batch, or a sentence why there is no such thing.

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
    mixing = mixing_node(graph, [edge[0] for edge in entering], touched_KB.shape[1])
    if mixing is not None:
        return f"{mixing} may mix the rows of the batch."
    device = next(iter(next(iter(entering.values())).values())).like.device
    return torch.from_numpy(touched_KB.argmax(0)).to(device)


def open_disjoint(
    graph: TaskGraph,
    cotangents: BoundaryGradients,
    owner_B: Tensor,
    asked: GradientRequest,
    workspace: BufferPool,
) -> DisjointGradients:
    """Take the sum of all tasks' gradients through the shared part."""
    workspace.start()
    with torch.no_grad():
        sums: dict[Edge, Tensor] = {
            edge: workspace.own(cotangents.sum_at(edge)[None]) for edge in cotangents.entering
        }
        terms = propagate(graph, sums, 1, workspace)
    return DisjointGradients(asked, cotangents, terms, owner_B)


class RowWeightedSum(WeightedSum):
    """One δ with each row multiplied by its task's weight, none of them 0.

    Args:
        weights_A: the weights.
        owner_B: the task of each row of the batch.
    """

    def __init__(self, weights_A: Tensor, owner_B: Tensor) -> None:
        super().__init__(torch.ones(1))
        self._factor_B = weights_A[owner_B]

    def __call__(self, values: Tensor) -> Tensor:
        """Return the rows, [R, ...]."""
        held = self._done.get(id(values))
        if held is None:
            factor_R = self._factor_B.to(values).repeat_interleave(values.shape[1] // len(self._factor_B))
            scaled = values[0] * factor_R.view(-1, *[1] * (values.ndim - 2))
            held = self._done[id(values)] = (values, scaled)
        return held[1]


class DisjointGradients(TaskGradients):
    """One δ per layer whose rows belong to tasks."""

    way = "disjoint"

    def __init__(
        self, request: GradientRequest, cotangents: BoundaryGradients, terms: list[Term], owner_B: Tensor
    ) -> None:
        super().__init__(request, cotangents.heads)
        self._cotangents = cotangents
        self._terms = terms
        self._owner_B = owner_B

    def _owner_of(self, term: Term) -> Tensor:
        repeats = term.n_rows() // len(self._owner_B)
        return self._owner_B if repeats == 1 else self._owner_B.repeat_interleave(repeats)

    @torch.no_grad()
    def gramian(self) -> Tensor:
        """Return the K×K inner products, or their diagonal."""
        groups: dict[int, list[Term]] = {}
        for term in self._terms:
            groups.setdefault(id(term.parameter), []).append(term)
        total = torch.zeros(self.n_tasks, self.n_tasks, dtype=torch.float64, device=self._owner_B.device)
        for term in paired([group[0] for group in groups.values() if len(group) == 1]):
            total += term.gramian_by_rows(self._owner_of(term), self.n_tasks)
        for group in groups.values():
            if len(group) > 1:
                parts = [term.rows_by_owner(self._owner_of(term), self.n_tasks) for term in group]
                total += inner(torch.stack(parts).sum(0))
        return total.diagonal() if self.request.diagonal else total

    @torch.no_grad()
    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Add the gradient of δ with each row multiplied by its task's weight."""
        weights_A = weights_A.to(self._owner_B.device)
        if bool((weights_A[self._owner_B] != 0).all()):
            weigh = RowWeightedSum(weights_A, self._owner_B)
            for term in self._terms:
                writer.add(term.parameter, term.combined(weigh))
        else:
            self._add_some(weights_A, writer)

    def _add_some(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Leave out the rows of weight 0, which may not be finite."""
        for term in self._terms:
            owner_R = self._owner_of(term)
            rows = torch.nonzero(weights_A[owner_R] != 0).flatten()
            factor_R = weights_A[owner_R[rows]].to(term.parameter.dtype)
            writer.add(term.parameter, term.part(rows).scaled(factor_R).combined(WeightedSum(torch.ones(1))))

    def _release(self) -> None:
        self._terms = []
        self._cotangents.release()
