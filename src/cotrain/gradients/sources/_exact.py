"""One backward pass per task into one K×P buffer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from cotrain.gradients._shared_parameters import (
    GradWriter,
    Reached,
    fill_row,
    flat_dtype,
    flat_width,
    own_leaves,
    reached_by,
)
from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import GraphInspection, TaskGraph
from cotrain.gradients.sources._base import (
    GradientRequest,
    GradientSource,
    TaskGradients,
    TaskSpecificGradients,
)


class ExactSource(GradientSource):
    """The Jacobian itself: A passes, A·P numbers of memory. Works with every network.

    The buffer is kept for the next step. Rows are float32 at least, so that pure bf16 and fp16 parameters
    lose nothing more and a Gramian cannot overflow in half precision.
    """

    exact = True

    def __init__(self) -> None:
        self._inspection = GraphInspection()
        self._buffer: Tensor | None = None

    def open(self, asked: GradientRequest) -> ExactGradients:
        """Do one pass per present task."""
        parameters = asked.shared.trainable()
        graph = TaskGraph(asked.call.live)
        self._inspection.refuse(graph)
        jacobian_AP = self._rows_for(len(asked.call.live), parameters)
        heads = TaskSpecificGradients()
        last = len(asked.call.live) - 1
        reached: list[Reached] = [False] * len(parameters)
        for row, loss in enumerate(asked.call.live):
            own = own_leaves(graph.leaves_of(row), asked.shared.ids)
            grads = torch.autograd.grad(
                loss, [*parameters, *own], retain_graph=asked.retain or row < last, allow_unused=True
            )
            fill_row(jacobian_AP[row], grads[: len(parameters)], parameters)
            reached = reached_by(grads[: len(parameters)], reached)
            for leaf, grad in zip(own, grads[len(parameters) :], strict=True):
                heads.hold(row, leaf, grad)
        return ExactGradients(asked, heads, jacobian_AP, reached)

    def open_below(
        self, asked: GradientRequest, graph: TaskGraph, cotangents: BoundaryGradients
    ) -> ExactGradients:
        """Do one pass per present task through the shared part alone, from what the heads have sent there."""
        parameters = asked.shared.trainable()
        n_present = len(asked.call.live)
        jacobian_AP = self._rows_for(n_present, parameters)
        reached: list[Reached] = [False] * len(parameters)
        for row in range(n_present):
            sent = {edge: tasks[row] for edge, tasks in cotangents.entering.items() if row in tasks}
            at_leaves = {id(graph.leaves[e[0]]): part for e, part in sent.items() if e[0] in graph.leaves}
            inner = {edge: part for edge, part in sent.items() if edge[0] not in graph.leaves}
            grads: list[Tensor | None] = [None] * len(parameters)
            if inner:
                found = torch.autograd.grad(
                    [GradientEdge(*edge) for edge in inner],
                    parameters,
                    [part.whole() for part in inner.values()],
                    retain_graph=asked.retain or row < n_present - 1,
                    allow_unused=True,
                )
                grads = list(found)
            for place, parameter in enumerate(parameters):
                if id(parameter) in at_leaves:
                    direct, below = at_leaves[id(parameter)].whole(), grads[place]
                    grads[place] = direct if below is None else direct + below
            fill_row(jacobian_AP[row], grads, parameters)
            reached = reached_by(grads, reached)
        cotangents.release(passed=True)
        return ExactGradients(asked, cotangents.heads, jacobian_AP, reached)

    def _rows_for(self, n_present: int, parameters: list[Tensor]) -> Tensor:
        width = flat_width(parameters)
        dtype, device = flat_dtype(parameters), parameters[0].device
        held = self._buffer
        if held is None or held.shape[1] != width or held.shape[0] < n_present:
            held = None
        if held is None or held.dtype != dtype or held.device != device:
            held = self._buffer = torch.empty(n_present, width, dtype=dtype, device=device)
        return held[:n_present]


class ExactGradients(TaskGradients):
    """The rows of the Jacobian, A×P.

    Args:
        request: what the step has asked for.
        heads: the gradients of the tasks' own parameters.
        jacobian_AP: the rows.
        reached: which of the shared parameters that can learn a loss has reached.
    """

    way = "exact"

    def __init__(
        self,
        request: GradientRequest,
        heads: TaskSpecificGradients,
        jacobian_AP: Tensor,
        reached: Sequence[Reached],
    ) -> None:
        super().__init__(request, heads)
        self.jacobian_AP = jacobian_AP
        self._parameters = request.shared.trainable()
        self._reached = reached
        #: Ids of the parameters that stand for all in the Gramian; `None`: all do.
        self.part: frozenset[int] | None = None

    def gramian(self) -> Tensor:
        """Return JJᵀ or its diagonal."""
        rows_AP = self.jacobian_AP
        if self.part is not None:
            kept = [torch.full((flat_width([p]),), id(p) in self.part) for p in self._parameters]
            rows_AP = rows_AP[:, torch.cat(kept).to(rows_AP.device)]
        if self.request.diagonal:
            return torch.linalg.vector_norm(rows_AP, dim=1).double().square()
        return rows_AP @ rows_AP.T

    def jacobian(self) -> Tensor:
        """Return J."""
        return self.jacobian_AP

    def _add_update(self, update_P: Tensor, writer: GradWriter) -> None:
        writer.add_flat(self._parameters, update_P, self._reached)

    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        kept = torch.nonzero(weights_A).flatten()
        if kept.numel():
            weights_S = weights_A[kept].to(self.jacobian_AP)
            rows_SP = self.jacobian_AP if kept.numel() == len(weights_A) else self.jacobian_AP[kept]
            self._add_update(weights_S @ rows_SP, writer)
