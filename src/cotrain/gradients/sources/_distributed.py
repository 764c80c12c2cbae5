"""The exact Jacobian of a data-parallel run: its columns are reduced, never local Gramians."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.gradients._distributed import (
    all_gather,
    average_grads,
    delayed_reduction_kept,
    engines_behind,
    is_sharded,
    reduce_scatter,
)
from cotrain.gradients._process_group import all_true, world_size
from cotrain.gradients._shared_parameters import (
    GradWriter,
    SharedParameters,
    fill_row,
    flat_dtype,
    flat_width,
    grads_set_aside,
    local,
    own_leaves,
)
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.sources._base import (
    GradientRequest,
    GradientSource,
    TaskGradients,
    TaskSpecificGradients,
)


def ranks_source(
    model: nn.Module | None, shared: SharedParameters, parameters: Sequence[Tensor]
) -> GradientSource:
    """Return the source for a process group.

    Args:
        model: the network, if it is known.
        shared: the shared parameters.
        parameters: those of the network, sharded where FSDP2 shards them.

    Raises:
        InvalidArgumentError: if FSDP2 shards the network and not the shared parameters.
    """
    if not is_sharded([*shared.trainable(), *parameters]) and not _is_fsdp(model):
        return ReplicatedSource(model)
    if not is_sharded(shared.trainable()) or not (model is None or is_sharded(parameters)):
        raise InvalidArgumentError(
            "FSDP2 shards the network, and Balance was given other parameters than the sharded ones: make "
            "the Balance after fully_shard and before the first forward pass."
        )
    return FSDPSource(parameters)


def _is_fsdp(model: nn.Module | None) -> bool:
    from torch.distributed.fsdp import FSDPModule

    return model is not None and any(isinstance(module, FSDPModule) for module in model.modules())


class ReplicatedSource(GradientSource):
    """One pass per task on every rank; each rank then reduces an equal share of the Jacobian's columns.

    J = (1/N) Σ over ranks of the local Jacobians: reduce-scattered by columns, so that a rank holds P/N of
    them; the K×K products of the shares are added up over the ranks in float64, and the shares of Jᵀw are
    gathered. Only the exact Jacobian can be reduced: a Gramian of local gradients is another number.

    Args:
        model: the network; its parameters that are not shared are averaged too. `None`: weights only.
    """

    exact = True

    def __init__(self, model: nn.Module | None) -> None:
        self._model = model

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Do one pass per task that any rank has."""
        parameters = asked.shared.trainable()
        n_ranks, n_present = world_size(), len(asked.call.live)
        width = flat_width(parameters)
        share = -(-width // n_ranks)
        rows_AP = torch.zeros(
            n_present, n_ranks * share, dtype=flat_dtype(parameters), device=parameters[0].device
        )
        graph, heads = TaskGraph(asked.call.live), TaskSpecificGradients()
        reached = torch.zeros(len(parameters), dtype=torch.int32, device=rows_AP.device)
        with delayed_reduction_kept(engines_behind(asked.call.live)):
            for row, loss in enumerate(asked.call.live):
                if loss.grad_fn is None:
                    continue  # another rank has this task
                own = own_leaves(graph.leaves_of(row), asked.shared.ids)
                grads = torch.autograd.grad(loss, [*parameters, *own], retain_graph=True, allow_unused=True)
                fill_row(rows_AP[row, :width], grads[: len(parameters)], parameters)
                reached += reached.new_tensor([grad is not None for grad in grads[: len(parameters)]])
                for leaf, grad in zip(own, grads[len(parameters) :], strict=True):
                    heads.hold(row, leaf, grad)
        # Reduce-scatter splits the first axis, so a rank's columns come first.
        by_rank = rows_AP.view(n_present, n_ranks, share).transpose(0, 1).contiguous()
        mine = torch.empty(n_present * share, dtype=rows_AP.dtype, device=rows_AP.device)
        reduce_scatter(mine, by_rank.flatten())
        mine_AS = mine.view(n_present, share) / n_ranks
        dist.all_reduce(reached)
        gradients = ReplicatedGradients(asked, heads, mine_AS, self._model)
        gradients.reached = (reached > 0).tolist()
        return gradients


class ReplicatedGradients(TaskGradients):
    """A rank's columns of the Jacobian, A×(P/N)."""

    way = "exact"
    why = "its columns are reduced over the ranks"
    #: Which of the shared parameters a loss of any rank reaches.
    reached: Sequence[bool]

    def __init__(
        self,
        request: GradientRequest,
        heads: TaskSpecificGradients,
        mine_AS: Tensor,
        model: nn.Module | None,
    ) -> None:
        super().__init__(request, heads)
        self._mine_AS = mine_AS
        self._parameters = request.shared.trainable()
        self._model = model

    def gramian(self) -> Tensor:
        """Return JJᵀ from all ranks' columns."""
        wide_AS = self._mine_AS.double()
        gramian_AA = wide_AS @ wide_AS.T
        dist.all_reduce(gramian_AA)
        return gramian_AA.diagonal() if self.request.diagonal else gramian_AA

    def jacobian(self) -> Tensor:
        """Return J, gathered on every rank."""
        width = flat_width(self._parameters)
        return torch.stack([self._gathered(row)[:width] for row in self._mine_AS])

    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        kept = torch.nonzero(weights_A).flatten()
        update_S = weights_A[kept].to(self._mine_AS) @ self._mine_AS[kept.to(self._mine_AS.device)]
        self._add_update(self._gathered(update_S), writer)

    def _add_update(self, update_P: Tensor, writer: GradWriter) -> None:
        writer.add_flat(self._parameters, update_P, self.reached)

    def _add_heads(self, weights: list[float], writer: GradWriter) -> None:
        """Average the tasks' own gradients over the ranks and add them; `None` where no rank has any."""
        if self._model is None:
            return
        shared = {id(parameter) for parameter in self._parameters}
        own = [p for p in self._model.parameters() if p.requires_grad and id(p) not in shared]
        if own:
            with grads_set_aside(own):
                self.heads.apply(weights, writer)
                average_grads(own)

    def _gathered(self, part_S: Tensor) -> Tensor:
        whole = torch.empty(world_size() * part_S.numel(), dtype=part_S.dtype, device=part_S.device)
        all_gather(whole, part_S.contiguous())
        return whole


class FSDPSource(GradientSource):
    """One backward pass per task through FSDP2, which reduce-scatters each row of the Jacobian itself.

    Every rank has to pass the losses of the same tasks; where a rank has no label, a 0 with its graph.
    What FSDP2 leaves in `.grad` after a pass is this rank's share of the averaged gradient; the K×K products
    of the shares are added up over the ranks.

    Args:
        parameters: those of the network, as FSDP2 shards them.
    """

    exact = True

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = parameters

    def open(self, asked: GradientRequest) -> TaskGradients:
        """Do one pass per task that any rank has."""
        everything = [parameter for parameter in self._parameters if parameter.requires_grad]
        parameters = asked.shared.trainable()
        self._check(asked, everything)
        heads, rows, reached = TaskSpecificGradients(), list[Tensor](), set[int]()
        shared_ids = {id(parameter) for parameter in parameters}
        with grads_set_aside(everything):
            for row, loss in enumerate(asked.call.live):
                loss.backward(retain_graph=True)
                reached |= {id(p) for p in parameters if p.grad is not None}
                grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
                rows.append(torch.cat([local(grad).flatten() for grad in grads]))
                for parameter in everything:
                    if id(parameter) not in shared_ids:
                        heads.hold(row, parameter, parameter.grad)
                    parameter.grad = None
        rows_AS = torch.stack(rows).to(flat_dtype(parameters))
        return FSDPGradients(asked, heads, rows_AS, frozenset(reached))

    def _check(self, asked: GradientRequest, everything: Sequence[Tensor]) -> None:
        if asked.weighed:
            raise InvalidArgumentError(
                "Under FSDP2 a gradient method fills .grad in its passes, one per task: call "
                "balance.backward(losses) instead of balance.combine(losses).backward()."
            )
        if not everything:
            raise InvalidArgumentError(
                "Under FSDP2 a gradient method needs the network: pass Balance(model=...)."
            )
        if any(parameter._post_accumulate_grad_hooks for parameter in everything):
            raise InvalidArgumentError(
                "Under FSDP2 a gradient method takes one pass per task, and FSDP2 calls post-accumulate "
                "hooks in each: step the optimiser after balance.backward(losses) instead of in hooks."
            )
        everywhere = torch.tensor([loss.grad_fn is not None for loss in asked.call.live])
        if not bool(all_true(everywhere.to(asked.call.values_A.device)).all()):
            raise InvalidArgumentError(
                "Under FSDP2 every rank must pass the same tasks, for the ranks reduce their heads together, "
                "and one is absent on some rank only: pass a loss of 0 with its graph there, as "
                "cotrain.gradients.global_mean gives it."
            )


class FSDPGradients(TaskGradients):
    """A rank's shares of the K gradients, as FSDP2 cuts them."""

    way = "exact"
    why = "one backward pass per task through FSDP2"

    def __init__(
        self,
        request: GradientRequest,
        heads: TaskSpecificGradients,
        rows_AS: Tensor,
        reached: frozenset[int],
    ) -> None:
        super().__init__(request, heads)
        self._rows_AS = rows_AS
        self._reached = reached
        self._parameters = request.shared.trainable()

    def gramian(self) -> Tensor:
        """Return JJᵀ from all ranks' shares."""
        wide_AS = self._rows_AS.double()
        gramian_AA = wide_AS @ wide_AS.T
        dist.all_reduce(gramian_AA)
        return gramian_AA.diagonal() if self.request.diagonal else gramian_AA

    def jacobian(self) -> Tensor:
        """Refuse: no rank holds the gradients."""
        raise InvalidArgumentError(
            "Under FSDP2 no rank holds whole gradients, which a method that combines them entry by entry "
            "needs: use a method that gives weights, or DistributedDataParallel."
        )

    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Add this rank's share of Jᵀw."""
        from torch.distributed.tensor import DTensor

        kept = torch.nonzero(weights_A).flatten()
        update_S = weights_A[kept].to(self._rows_AS) @ self._rows_AS[kept.to(self._rows_AS.device)]
        start = 0
        for parameter in self._parameters:
            mine = local(parameter)
            part = update_S[start : start + mine.numel()].view(mine.shape).to(parameter.dtype)
            start += mine.numel()
            if isinstance(parameter, DTensor):
                part = DTensor.from_local(
                    part,
                    parameter.device_mesh,
                    parameter.placements,
                    shape=parameter.shape,
                    stride=parameter.stride(),
                )
            if id(parameter) in self._reached:
                writer.add(parameter, part)
