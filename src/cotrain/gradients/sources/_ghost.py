"""The exact Gramian from layer inputs and output gradients, without the tasks' weight gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import GraphInspection, TaskGraph
from cotrain.gradients.rules._batched_backward import mixing_node, propagate, stacked
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import Term, WeightedSum
from cotrain.gradients.rules._linear_term import terms_gramian
from cotrain.gradients.rules._row_sparsity import RowSparsity, touched_rows
from cotrain.gradients.sources._base import (
    GradientRequest,
    GradientSource,
    TaskGradients,
)
from cotrain.gradients.sources._exact import ExactSource


class GhostSource(GradientSource):
    """The exact Gramian from layer inputs and output gradients ("ghost").

    One pass runs through all heads; then the K gradients of the representation go through the shared part
    together, one batched product a layer, and no task's weight gradient is formed where inner products of
    rows are cheaper. On the host, rows without a label of a task are left out of its products. The combined
    gradient is made once, from the weighted δ. Linear, convolution, embedding and normalisation layers and
    common activations have rules of their own; other operations run once per task. Weights that are used
    several times stay exact.

    Graphs that it cannot take apart (functions written in Python, compiled ones, losses that are slices of
    one tensor) or on which hooks may be registered are given to the exact passes.
    """

    exact = True

    def __init__(self) -> None:
        self._inspection = GraphInspection()
        self._passes = ExactSource()
        self._workspace = BufferPool()

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Take the K gradients to every layer."""
        graph = TaskGraph(asked.call.live)
        why = self._inspection.obstacle(graph, asked.shared.ids)
        if why is not None:
            rows = self._passes.open(asked)
            rows.why = why
            return rows
        cotangents = BoundaryGradients(asked, graph)
        touched_KB = touched_rows(cotangents.entering, len(asked.call.live))
        return open_ghost(graph, cotangents, asked, self._workspace, touched_KB)


def open_ghost(
    graph: TaskGraph,
    cotangents: BoundaryGradients,
    asked: GradientRequest,
    workspace: BufferPool,
    touched_KB: np.ndarray | None,
) -> GhostGradients:
    """Take the K gradients through the shared part.

    Args:
        graph: of the losses.
        cotangents: what the tasks send into the shared part.
        asked: what the step asks for.
        workspace: memory for the gradients.
        touched_KB: which rows that may differ from 0 in; `None`: the tasks do not read one batch.
    """
    n_tasks = len(asked.call.live)
    with torch.no_grad():
        kept = _kept(graph, cotangents, touched_KB)
        entering = stacked(cotangents, n_tasks, workspace)
        terms = propagate(graph, entering, n_tasks, workspace, kept=kept)
    return GhostGradients(asked, cotangents, terms)


def _kept(
    graph: TaskGraph, cotangents: BoundaryGradients, touched_KB: np.ndarray | None
) -> RowSparsity | None:
    """Return the rows that have to be multiplied, where enough can be left out.

    Picking them is for the host: on an accelerator a product with zeros costs less than knowing their number.
    """
    if touched_KB is None or not RowSparsity.worth_it(touched_KB):
        return None
    entering = cotangents.entering
    if any(sent.like.device.type != "cpu" for tasks in entering.values() for sent in tasks.values()):
        return None
    roots, n_rows = [edge[0] for edge in entering], touched_KB.shape[1]
    return RowSparsity(touched_KB, lambda: mixing_node(graph, roots, n_rows) is not None)


class GhostGradients(TaskGradients):
    """The K gradients as terms, one per use of a parameter."""

    way = "ghost"

    def __init__(self, request: GradientRequest, cotangents: BoundaryGradients, terms: list[Term]) -> None:
        super().__init__(request, cotangents.heads)
        self._cotangents = cotangents
        self._terms = terms

    @torch.no_grad()
    def gramian(self) -> Tensor:
        """Return the sum of the terms' inner products, or its diagonal."""
        total = terms_gramian(self._terms, self.n_tasks, self.device)
        return total.diagonal() if self.request.diagonal else total

    @torch.no_grad()
    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Add each parameter's gradient of the weighted δ."""
        weigh = WeightedSum(weights_A)
        for term in self._terms:
            writer.add(term.parameter, term.combined(weigh))

    def _release(self) -> None:
        self._terms = []
        self._cotangents.release()
