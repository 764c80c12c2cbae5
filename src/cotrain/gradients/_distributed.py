"""What the ranks of a data-parallel run have to agree on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cotrain._base import InvalidArgumentError
from cotrain.gradients._process_group import world_size
from cotrain.gradients._shared_parameters import (
    add_grad,
    as_grad,
    fill_row,
    flat_dtype,
    flat_parts,
    flat_width,
    grads_set_aside,
)
from cotrain.gradients._step_losses import StepLosses


def global_denominator(count: Tensor | float) -> Tensor:
    """Return the number of labels that a rank divides its sum of losses by: Σ over ranks / number of ranks.

    Engines average the ranks' gradients. With this denominator the average over ranks of the local losses
    is the mean over all labelled rows, however differently labels are missing in each rank; dividing by the
    local count instead would weigh the labels of a sparse rank more. Without a process group it is the count.

    Args:
        count: number (or summed weight) of labelled entries on this rank; 0 is fine.

    Returns:
        A scalar, at least the smallest positive number, so that a task without any label has loss 0.

    Example:
        >>> import torch
        >>> global_denominator(torch.tensor(3.0))
        tensor(3.)
    """
    total = torch.as_tensor(count).detach().clone()
    if not total.is_floating_point():
        total = total.to(torch.get_default_dtype())
    n_ranks = world_size()
    if n_ranks > 1:
        dist.all_reduce(total)
        total = total / n_ranks
    return total.clamp(min=torch.finfo(total.dtype).tiny)


def global_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the labelled `values`, normalised by the labels of all ranks; see the denominator.

    Args:
        values: losses per entry, any shape.
        mask: same shape, True where labelled, or weights ≥ 0.

    Example:
        >>> import torch
        >>> global_mean(torch.tensor([1.0, 3.0, float("nan")]), torch.tensor([True, True, False]))
        tensor(2.)
    """
    kept = torch.where(mask > 0, values * mask, torch.zeros_like(values))
    return kept.sum() / global_denominator(mask.sum().to(values.dtype))


def share_losses(call: StepLosses) -> tuple[Tensor, Tensor | None]:
    """Return K losses, averaged over the ranks, and which tasks any rank has (`None`: all); nothing waits."""
    n_ranks = world_size()
    if n_ranks == 1:
        return call.losses_K(), call.present_K() if len(call.places) < call.n_tasks else None
    # float64 on every rank, also on one that has no loss whose type it could take
    packed = torch.cat([call.losses_K().double(), call.present_K().double()])
    dist.all_reduce(packed)
    losses_K, count_K = packed.view(2, call.n_tasks)
    return (losses_K / n_ranks).to(call.values_A.dtype), count_K > 0


def share_call(call: StepLosses) -> StepLosses:
    """Return a call with the tasks that any rank has; those of other ranks are zeros without a graph here."""
    losses_K, present_K = share_losses(call)
    if present_K is None:
        return call
    places = tuple(torch.nonzero(present_K).flatten().tolist())
    held = dict(zip(call.places, call.live, strict=True))
    zero = call.values_A.new_zeros(())
    live = tuple(held.get(place, zero) for place in places)
    return StepLosses(call.n_tasks, places, live, losses_K[list(places)])


def average_(flat: Tensor) -> Tensor:
    """Average a tensor over the ranks in place."""
    if world_size() > 1:
        dist.all_reduce(flat)
        flat /= world_size()
    return flat


def reduce_scatter(mine: Tensor, whole: Tensor) -> None:
    """Add up `whole` over the ranks and keep this rank's part; PyTorch renamed it after 2.6."""
    getattr(dist, "reduce_scatter_single", dist.reduce_scatter_tensor)(mine, whole)


def all_gather(whole: Tensor, part: Tensor) -> None:
    """Put the ranks' parts one after another; PyTorch renamed it after 2.6."""
    getattr(dist, "all_gather_single", dist.all_gather_into_tensor)(whole, part)


def is_sharded(parameters: Sequence[Tensor]) -> bool:
    """Return whether FSDP2 holds the parameters in shards."""
    if world_size() == 1:
        return False
    from torch.distributed.tensor import DTensor

    return any(isinstance(parameter, DTensor) for parameter in parameters)


def engine_averages(model: nn.Module | None, parameters: Sequence[Tensor]) -> bool:
    """Return whether DDP (over a forward pass that it is to average) or FSDP2 reduces what a pass leaves.

    Without a model nobody knows, and the engine is trusted.
    """
    if world_size() == 1 or model is None or is_sharded(parameters):
        return True
    return isinstance(model, DistributedDataParallel) and model.require_forward_param_sync


@contextmanager
def averaged_grads(model: nn.Module | None, parameters: Sequence[Tensor]) -> Generator[None]:
    """Average over the ranks what a block adds to `.grad`, unless an engine does so.

    Args:
        model: the network.
        parameters: some that a backward pass reaches, which show whether they are sharded.
    """
    if model is None or engine_averages(model, parameters):
        yield
        return
    everything = [parameter for parameter in model.parameters() if parameter.requires_grad]
    engines = [model] if isinstance(model, DistributedDataParallel) else []
    with grads_set_aside(everything), delayed_reduction_kept(engines):
        yield
        average_grads(everything)


def average_grads(parameters: Sequence[Tensor]) -> None:
    """Average `.grad` over the ranks; a parameter that no rank reached keeps `None`."""
    dtype = flat_dtype(parameters)
    device = parameters[0].device
    width = flat_width(parameters)
    flat = torch.zeros(width + len(parameters), dtype=dtype, device=device)
    fill_row(flat[:width], [parameter.grad for parameter in parameters], parameters)
    reached = torch.tensor([parameter.grad is not None for parameter in parameters], device=device)
    flat[width:] = reached
    average_(flat)
    parts = flat_parts(flat[:width], parameters)
    for parameter, part, seen in zip(parameters, parts, (flat[width:] > 0).tolist(), strict=True):
        if seen:
            parameter.grad = None
            add_grad(parameter, as_grad(part, parameter))


def connected(total: Tensor, reached: Callable[[], Sequence[Tensor]]) -> Tensor:
    """Give a rank without any loss a zero that reaches the parameters, for the others wait for it."""
    if total.requires_grad or world_size() == 1:
        return total
    return total + torch.stack([parameter.sum() for parameter in reached()]).sum() * 0


def refuse_synchronising(model: nn.Module | None) -> None:
    """Refuse several backward passes over a forward pass after which DDP waits for one.

    DDP averages the gradients of the first pass only: the ranks' weights then drift apart without an error.

    Raises:
        InvalidArgumentError: if the forward pass was run outside `no_sync`.
    """
    if isinstance(model, DistributedDataParallel) and model.require_forward_param_sync:
        raise InvalidArgumentError(
            "A gradient method needs one backward pass per task, but DistributedDataParallel averages only "
            "the first one after a forward pass and the ranks would drift apart: call "
            "balance.combine(losses).backward(), or run the forward pass under `with model.no_sync():` and "
            "let balance.backward(losses) do the averaging."
        )


def engines_behind(losses: Sequence[Tensor]) -> list[DistributedDataParallel]:
    """Return the DDP modules in the graph of the losses that wait for the first backward pass through it."""
    nodes = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    seen, found = set(nodes), dict[int, DistributedDataParallel]()
    while nodes:
        node = nodes.pop()
        if type(node).__name__ == "_DDPSinkBackward":
            engine = getattr(node, "ddp_weakref", lambda: None)()
            if engine is not None:
                found[id(engine)] = engine
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                nodes.append(child)
    return list(found.values())


def _waits_for_first_pass(engine: DistributedDataParallel) -> bool:
    return bool(engine.static_graph) and not getattr(engine, _DELAYED, True)


#: Where DDP notes that the reduction of its first backward pass over a static graph is under way.
_DELAYED = "_static_graph_delay_allreduce_enqueued"


@contextmanager
def delayed_reduction_kept(engines: Sequence[DistributedDataParallel]) -> Generator[None]:
    """Let passes of ours not use up the reduction that `DDP(static_graph=True)` ties to its first pass.

    DDP waits for one pass through its outputs and averages at the end of it, whatever that pass has been
    for; afterwards it counts on what it has seen there.
    """
    waiting = [engine for engine in engines if _waits_for_first_pass(engine)]
    for engine in waiting:
        setattr(engine, _DELAYED, True)
    try:
        yield
    finally:
        for engine in waiting:
            setattr(engine, _DELAYED, False)


def refuse_first_pass_without_averaging(losses: Sequence[Tensor]) -> None:
    """Refuse what PyTorch ends with an internal assertion.

    Raises:
        InvalidArgumentError: if `DDP(static_graph=True)` has not averaged yet and runs under `no_sync`.
    """
    if world_size() == 1:
        return
    for engine in engines_behind(losses):
        if _waits_for_first_pass(engine) and not engine.require_forward_param_sync:
            raise InvalidArgumentError(
                "DistributedDataParallel(static_graph=True) learns its graph in the first backward pass and "
                "cannot do so under no_sync: run the first step without no_sync."
            )


def refuse_without_model(model: nn.Module | None, parameters: Sequence[Tensor]) -> None:
    """Refuse to add gradients that nobody might average.

    Raises:
        InvalidArgumentError: if it cannot be known whether DDP does.
    """
    if world_size() > 1 and model is None and not is_sharded(parameters):
        raise InvalidArgumentError(
            "balance.backward in a process group has to average what no engine averages: pass "
            "Balance(model=...), or call balance.combine(losses).backward() under DistributedDataParallel."
        )


def forbid_second_backward(model: DistributedDataParallel) -> None:
    """Let a second plain `backward()` after one forward pass under DDP raise instead of drifting apart."""
    parameter = next((p for p in model.parameters() if p.requires_grad), None)
    passes = [0]

    def started(*_: object) -> None:
        passes[0] = 0

    def finished(_: Tensor) -> None:
        passes[0] += 1
        if passes[0] > 1 and model.require_forward_param_sync:
            refuse_synchronising(model)

    if parameter is not None:
        model.register_forward_pre_hook(started)
        parameter.register_post_accumulate_grad_hook(finished)
