"""One pass through all heads: what every task sends into the shared part of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from cotrain.gradients.graph._boundary_layers import find_skipped_nodes, stopped
from cotrain.gradients.graph._release import release
from cotrain.gradients.graph._structured_gradients import DenseGradient, StructuredGradient, total_of
from cotrain.gradients.graph._task_graph import SHARED, Edge, Node, TaskGraph, hook_watch
from cotrain.gradients.sources._base import GradientRequest, TaskSpecificGradients


class BoundaryGradients:
    """The gradients that A tasks hand to the shared part, taken in one backward pass through their own parts.

    The tasks' own parts of the graph are disjoint, so one pass of Σ Lₖ runs through all of them, and hooks
    pick up each task's gradient where it leaves its own part. What enters below another entrance (nested
    features) is picked up there and only there, so nothing is counted twice.

    Args:
        asked: the losses and the shared parameters.
        graph: of the losses; no leaf outside the shared parameters may be reached by several tasks.
    """

    def __init__(self, asked: GradientRequest, graph: TaskGraph) -> None:
        #: Entrance -> task -> gradient.
        self.entering: dict[Edge, dict[int, StructuredGradient]] = {}
        self._edges: set[Edge] = set()
        self.heads = TaskSpecificGradients()
        borders = _borders(graph, asked.shared.ids)
        single = [(node, task, edges[0][0]) for node, task, edges in borders if len(edges) == 1]
        stops = find_skipped_nodes(graph, single, asked.shared.ids)
        self._graph, self._asked = graph, asked
        handles, wanted = [], dict[Edge, GradientEdge]()
        for node, task, edges in borders:
            if node not in stops:
                handles.append(hook_watch.register(node, self._catcher(task, edges)))
                for _, (child, number) in edges:
                    wanted[child, number] = GradientEdge(child, number)
        # The shared part must stay alive, for it is read afterwards. The engine runs none of it, and may let
        # go of what it runs, unless one entrance can lie below another.
        self._kept = asked.retain or len(wanted) + bool(stops) > 1
        # Then it runs a layer with a bias for the bias alone, for that is the cheapest way to free the layer.
        run = set() if self._kept else {node for node, stop in stops.items() if stop.bias is not None}
        self._left = [stop for node, stop in stops.items() if node not in run]
        skipped = {id(leaf) for node, stop in stops.items() for leaf in stop.parameters(bias=node not in run)}
        own = [
            (graph.owner[node], leaf)
            for node, leaf in graph.leaves.items()
            if id(leaf) not in asked.shared.ids and id(leaf) not in skipped
        ]
        inputs: list[Any] = [leaf for _, leaf in own]
        inputs += [GradientEdge(node, 0) for node in stops]
        inputs += list(wanted.values())
        live = asked.call.live
        ones = {
            dtype: torch.ones((), dtype=dtype, device=live[0].device) for dtype in {x.dtype for x in live}
        }
        try:
            grads = torch.autograd.Variable._execution_engine.run_backward(
                live,
                tuple([ones[loss.dtype] for loss in live]),
                self._kept,
                False,
                tuple(inputs),
                True,
                accumulate_grad=False,
            )
        finally:
            for handle in handles:
                handle.remove()
        for (task, leaf), grad in zip(own, grads, strict=False):
            self.heads.hold(task, leaf, grad)
        with torch.no_grad():
            at_stops = stopped(
                list(stops.values()),
                grads[len(own) : len(own) + len(stops)],
                self.heads,
                with_biases=self._kept,
            )
        for stop, sent in zip(stops.values(), at_stops, strict=True):
            if sent is not None:
                self._add(graph.children[stop.node][stop.place], stop.task, sent)

    def sum_at(self, edge: Edge) -> Tensor:
        """Return the sum of what the tasks send into one entrance."""
        return total_of(self.entering[edge])

    def release(self, *, passed: bool = False) -> None:
        """Give back what the graph still has saved, unless it is needed again.

        Args:
            passed: the engine has gone through the shared part, so that only nodes of the tasks are left.
        """
        graph, stops = self._graph, self._left
        if self._asked.retain or (passed and self._kept):
            return
        if passed:
            # One entrance at a time: on its way to one below another the engine would run what is freed.
            above: dict[Edge, list[Node]] = {}
            for stop in stops:
                above.setdefault(graph.children[stop.node][stop.place], []).append(stop.node)
            for entrance, nodes in above.items():
                release(graph, nodes, [entrance])
            return
        if self._kept:
            roots = [loss.grad_fn for loss in self._asked.call.live]
            ends = [(node, 0) for node in graph.leaves]
        else:
            roots = [*(stop.node for stop in stops), *(node for node, _ in self._edges)]
            ends = [(node, 0) for node in graph.leaves if graph.owner[node] == SHARED]
        release(graph, dict.fromkeys(roots), ends)

    def _add(self, edge: Edge, task: int, sent: StructuredGradient) -> None:
        self._edges.add(edge)
        tasks = self.entering.setdefault(edge, {})
        tasks[task] = DenseGradient(tasks[task].whole() + sent.whole()) if task in tasks else sent

    def _catcher(self, task: int, edges: list[tuple[int, Edge]]) -> Callable[..., Any]:
        def caught(grad_inputs: tuple[Tensor | None, ...], _: Any) -> tuple[Tensor | None, ...]:
            left = list(grad_inputs)
            for place, edge in edges:
                grad = left[place]
                if grad is None:
                    continue
                self._add(edge, task, DenseGradient(grad))
                left[place] = None  # nothing goes on below, and nothing is added up there
            return tuple(left)

        return caught


def _borders(graph: TaskGraph, shared_ids: frozenset[int]) -> list[tuple[Node, int, list[tuple[int, Edge]]]]:
    """Return (node, task, its inputs over which it hands gradient to the shared part, and to what)."""
    leaves = graph.leaves
    below = {node for node in graph.shared_nodes if node not in leaves}
    below |= {node for node, leaf in leaves.items() if id(leaf) in shared_ids}
    found = []
    for node, edges in graph.children.items():
        task = graph.owner[node]
        if task == SHARED:
            continue
        crossing = [(place, edge) for place, edge in enumerate(edges) if edge[0] in below]
        if crossing:
            found.append((node, task, crossing))
    return found


def separable(graph: TaskGraph, shared_ids: frozenset[int]) -> bool:
    """Return whether every leaf outside the shared parameters belongs to one task."""
    return all(graph.owner[node] != SHARED or id(leaf) in shared_ids for node, leaf in graph.leaves.items())
