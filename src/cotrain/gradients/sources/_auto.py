"""Which source a step takes its Gramian from: the one that is named, or the cheapest exact one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torch import nn

from cotrain._base import InvalidArgumentError, check_choice
from cotrain.balancing import Balancer, Needs
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import RETAINED, SHARED, GraphInspection, TaskGraph, watched
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._cost import Cost, cheaper, estimate
from cotrain.gradients.rules._row_sparsity import RowSparsity, touched_rows
from cotrain.gradients.sources._approximate import LayerSource, RepresentationSource
from cotrain.gradients.sources._base import GradientRequest, GradientSource, TaskGradients
from cotrain.gradients.sources._disjoint import DisjointSource, has_disjoint_rows, open_disjoint
from cotrain.gradients.sources._exact import ExactSource
from cotrain.gradients.sources._ghost import GhostSource, open_ghost

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


#: The costs of "exact" and of "ghost", which of them is chosen, and why.
Choice = tuple[Cost, Cost, str, str]
#: So many graphs' choices are kept: of those that one network makes, with tasks absent or of other lengths.
_REMEMBERED = 256


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
        self._choices: dict[tuple[object, ...], Choice] = {}

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Look at the graph, then do the passes."""
        graph = TaskGraph(asked.call.live)
        n_tasks = len(asked.call.live)
        why = self._inspection.obstacle(graph, asked.shared.ids, look_inside=False)
        if why is not None:
            rows = self._passes.open(asked)
            rows.why = why
            return rows
        exact, ghost, way, why = self._choice(graph, asked)
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

    def _choice(self, graph: TaskGraph, asked: GradientRequest) -> Choice:
        """Return what was chosen for a graph of as many nodes, with these ends and leaves."""
        inner = [node for node in graph.shared_nodes if node not in graph.leaves]
        ends = [tuple(node._input_metadata[0].shape) for node in (*inner[:1], *inner[-1:])]
        n_tasks = len(asked.call.live)
        key = (n_tasks, len(graph.owner), len(inner), *ends, *map(id, graph.leaves.values()))
        if key not in self._choices:
            if len(self._choices) >= _REMEMBERED:
                self._choices.clear()
            exact, ghost = estimate(graph, asked.shared.ids, n_tasks)
            chosen = cheaper(exact, ghost, self._budget) if n_tasks > 1 else ("ghost", "one task is present")
            self._choices[key] = (exact, ghost, *chosen)
        return self._choices[key]


def may_pick_rows(graph: TaskGraph) -> bool:
    """Return whether a task's own part may leave out rows: by an index, a mask, a label that is missing."""
    for node, task in graph.owner.items():
        if task != SHARED and type(node).__name__ not in _ALL_ROWS:
            scalar = type(node).__name__ == "MulBackward0" and not node._input_metadata[0].shape
            column = type(node).__name__ == "SelectBackward0" and node._saved_dim != 0
            if not scalar and not column:
                return True
    return False


SOURCES: dict[str, Callable[[], GradientSource]] = {
    "auto": AutoSource,
    "disjoint": DisjointSource,
    "exact": ExactSource,
    "ghost": GhostSource,
    "representation": RepresentationSource,
}


#: Names under which the gradients themselves are to be had.
_WITH_GRADIENTS = ("auto", "exact")


def choose_source(
    source: str | Sequence[nn.Module],
    balancer: Balancer,
    model: nn.Module | None,
    memory: float | str | None = None,
) -> GradientSource:
    """Return the source that the user named, or the cheapest exact one that the method can use.

    Args:
        source: its name, or modules.
        balancer: the method.
        model: the network.
        memory: what the gradients of single tasks may take, in bytes or as "64MB"; for "auto".

    Raises:
        InvalidArgumentError: for an unknown name, or a source that cannot give what the method needs.
    """
    if isinstance(source, str):
        check_choice("Balance", tuple(SOURCES), source=source)
        if balancer.needs is Needs.JACOBIAN:
            if source not in _WITH_GRADIENTS:
                raise InvalidArgumentError(
                    f"{type(balancer).__name__} needs the gradients themselves, which source={source!r} does "
                    "not have: use source='exact'."
                )
            return ExactSource()
        if source == "auto":
            return AutoSource(None if memory is None else n_bytes(memory))
        return SOURCES[source]()
    if balancer.needs is Needs.JACOBIAN:
        raise InvalidArgumentError(
            f"{type(balancer).__name__} needs the gradients of all shared parameters: use source='exact', or "
            "pass fewer shared_parameters."
        )
    return LayerSource(source)


_UNITS = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}


def n_bytes(memory: float | str) -> float:
    """Return a number of bytes, given so or as "64MB".

    Raises:
        InvalidArgumentError: for anything else.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", str(memory).lower())
    if isinstance(memory, bool) or found is None or found[2] not in _UNITS or float(found[1]) <= 0:
        raise InvalidArgumentError(
            f"Balance(memory={memory!r}) must be a positive number of bytes or a text such as '64MB'."
        )
    return float(found[1]) * _UNITS[found[2]]
