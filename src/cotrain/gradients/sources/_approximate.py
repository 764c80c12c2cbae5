"""Gramians of a part that stands for the whole: the representation, or some modules. Approximations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from cotrain._base import InvalidArgumentError
from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients, separable
from cotrain.gradients.graph._structured_gradients import StackedLowRank, stack_low_rank
from cotrain.gradients.graph._task_graph import Edge, GraphInspection, TaskGraph
from cotrain.gradients.rules._batched_backward import can_propagate, propagate, stacked
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import WeightedSum, inner
from cotrain.gradients.rules._linear_term import terms_gramian
from cotrain.gradients.sources._base import (
    GradientRequest,
    GradientSource,
    TaskGradients,
    TaskSpecificGradients,
)
from cotrain.gradients.sources._exact import ExactSource


class RepresentationSource(GradientSource):
    """The Gramian of the tasks' gradients at the representation: an approximation, another method in effect.

    One pass through the heads gives all K gradients where the tasks' own parts meet the shared part; one
    pass through the shared part follows. The signs of the inner products agree with those on the parameters
    for only 38 to 73 % of the pairs on a six-layer convolutional network, so treat it as a method of its own.
    """

    exact = False

    def __init__(self) -> None:
        self._inspection = GraphInspection()
        self._workspace = BufferPool()

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Take the K gradients to the representation."""
        graph = TaskGraph(asked.call.live)
        self._inspection.refuse(graph)
        if not separable(graph, asked.shared.ids) or not can_propagate(graph):
            raise InvalidArgumentError(
                "Balance(source='representation') cannot tell the tasks' own parts apart: keep the losses in "
                "separate tensors, put every parameter that several tasks reach into shared_parameters, and "
                "use no functions written in Python; or use source='exact'."
            )
        with torch.enable_grad():
            cotangents = BoundaryGradients(asked, graph)
        n_tasks = len(asked.call.live)
        products = {}
        for edge, parts in list(cotangents.entering.items()):
            found = stack_low_rank(parts)
            if found is not None and edge[0] not in graph.leaves and found.cheap(n_tasks):
                products[edge] = found
                del cotangents.entering[edge]
        entering = stacked(cotangents, n_tasks, self._workspace)
        grams = [part.gramian(n_tasks) for part in products.values()]
        grams += [inner(grads) for edge, grads in entering.items() if edge[0] not in graph.leaves]
        if not grams:
            raise InvalidArgumentError(
                "source='representation' needs a representation that several tasks read, but every task has "
                "its own forward pass here: use source='ghost'."
            )
        gramian = torch.stack(grams).sum(0)
        return FeatureGradients(
            asked, cotangents.heads, gramian_AA=gramian, entering=entering, graph=graph, products=products
        )


class LayerSource(GradientSource):
    """The Gramian on the parameters of some modules only: an approximation that gets better with depth.

    The K gradients go no further down than those modules need; one pass through the whole shared part
    follows. With the last shared layer alone this is what GradNorm's authors did.

    Args:
        modules: modules that hold some of the shared parameters.
    """

    exact = False

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules = list(modules)
        self._inspection = GraphInspection()
        self._passes = ExactSource()
        self._workspace = BufferPool()
        if not self.modules or any(not isinstance(module, nn.Module) for module in self.modules):
            raise InvalidArgumentError(
                f"Balance(source=[...]) must be a list of modules of the shared part, got {modules!r}."
            )

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Take the K gradients to the modules."""
        graph = TaskGraph(asked.call.live)
        chosen = asked.shared.ids & {id(p) for module in self.modules for p in module.parameters()}
        if not chosen:
            raise InvalidArgumentError("Balance(source=[...]): none of the modules holds a shared parameter.")
        why = self._inspection.obstacle(graph, asked.shared.ids)
        if why is not None:
            rows = self._passes.open(asked)
            rows.why, rows.part = why, chosen
            return rows
        cotangents = BoundaryGradients(asked, graph)
        n_tasks = len(asked.call.live)
        entering = stacked(cotangents, n_tasks, self._workspace)
        for rows in entering.values():
            self._workspace.release(rows)  # they are weighed afterwards
        with torch.no_grad():
            terms = propagate(graph, entering, n_tasks, self._workspace, only=chosen)
            gramian = terms_gramian(terms, n_tasks, asked.call.values_A.device)
        return FeatureGradients(asked, cotangents.heads, gramian_AA=gramian, entering=entering, graph=graph)


class FeatureGradients(TaskGradients):
    """K gradients at the entrances of the shared part, and one pass below them."""

    way = "approximate"

    def __init__(
        self,
        request: GradientRequest,
        heads: TaskSpecificGradients,
        *,
        gramian_AA: Tensor,
        entering: dict[Edge, Tensor],
        graph: TaskGraph,
        products: dict[Edge, StackedLowRank] | None = None,
    ) -> None:
        super().__init__(request, heads)
        self._products = products or {}
        self._gramian_AA = gramian_AA
        self._entering = entering
        self._graph = graph

    def gramian(self) -> Tensor:
        """Return the Gramian of the part, or its diagonal."""
        return self._gramian_AA.diagonal() if self.request.diagonal else self._gramian_AA

    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Send Σ wₖδₖ through the shared part."""
        edges, grads, weigh = [], [], WeightedSum(weights_A)
        for edge, products in self._products.items():
            edges.append(GradientEdge(*edge))
            grads.append(products.combined(weights_A))
        for (node, number), rows in self._entering.items():
            combined = weigh(rows)
            if node in self._graph.leaves:
                writer.add(self._graph.leaves[node], combined)
            else:
                edges.append(GradientEdge(node, number))
                grads.append(combined)
        if edges:
            torch.autograd.backward(edges, grads, retain_graph=self.request.retain)
