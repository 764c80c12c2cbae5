"""The cheapest exact source for the step at hand."""

from __future__ import annotations

from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._inspection import RETAINED, GraphInspection, watched
from cotrain.gradients.graph._task_graph import SHARED, TaskGraph
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._cost import cheaper, estimate
from cotrain.gradients.rules._row_sparsity import RowSparsity, touched_rows
from cotrain.gradients.sources._base import GradientRequest, GradientSource, TaskGradients
from cotrain.gradients.sources._disjoint import has_disjoint_rows, open_disjoint
from cotrain.gradients.sources._exact import ExactSource
from cotrain.gradients.sources._ghost import open_ghost

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


class AutoSource(GradientSource):
    """The cheapest exact source for the step at hand; always the Gramian of all shared parameters.

    One pass through the heads is common to all ways. If the rows that enter the shared part belong to one
    task each, one more pass is enough ("disjoint"). Otherwise the K gradients go through together ("ghost")
    or one after another ("exact"), whichever is cheaper by the shapes of the graph, in time and in memory.
    Graphs that cannot be taken apart, or on which hooks may be registered, get one pass per task.

    Args:
        budget: bytes that the gradients of single tasks may take; `None`: what "exact" takes.
    """

    exact = True

    def __init__(self, budget: float | None = None) -> None:
        self._budget = budget
        self._inspection = GraphInspection()
        self._passes = ExactSource()
        self._workspace = BufferPool()

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Look at the graph, then do the passes."""
        graph = TaskGraph(asked.call.live)
        n_tasks = len(asked.call.live)
        why = self._inspection.obstacle(graph, asked.shared.ids, look_inside=False)
        if why is not None:
            rows = self._passes.open(asked)
            rows.why = why
            return rows
        exact, ghost = estimate(graph, asked.shared.ids, n_tasks)
        way, why = cheaper(exact, ghost, self._budget) if n_tasks > 1 else ("ghost", "one task is present")
        if way == "exact" and not may_pick_rows(graph):
            rows = self._passes.open(asked)
            rows.why = why
            return rows
        cotangents = BoundaryGradients(asked, graph)
        touched_KB = touched_rows(cotangents.entering, n_tasks)
        if n_tasks > 1 and touched_KB is not None:
            found = has_disjoint_rows(graph, cotangents, touched_KB)
            if not isinstance(found, str) and not watched(graph):
                found = open_disjoint(graph, cotangents, found, asked, self._workspace)
                if not isinstance(found, str):
                    found.why = "every row belongs to one task"
                    return found
        if way == "exact" and touched_KB is not None and RowSparsity.worth_it(touched_KB):
            way, why = cheaper(exact, ghost.of_rows(float(touched_KB.mean())), self._budget)
        if way == "ghost" and watched(graph):
            way, why = "exact", RETAINED
        if way == "exact":
            gradients = self._passes.open_below(asked, graph, cotangents)
        else:
            gradients = open_ghost(graph, cotangents, asked, self._workspace, touched_KB)
        gradients.why = why
        return gradients


def may_pick_rows(graph: TaskGraph) -> bool:
    """Return whether a task's own part may leave out rows: by an index, a mask, a label that is missing."""
    for node, task in graph.owner.items():
        if task != SHARED and type(node).__name__ not in _ALL_ROWS:
            scalar = type(node).__name__ == "MulBackward0" and not node._input_metadata[0].shape
            column = type(node).__name__ == "SelectBackward0" and node._saved_dim != 0
            if not scalar and not column:
                return True
    return False
