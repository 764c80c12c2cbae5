"""One backward pass for all tasks, once their weights are known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cotrain.gradients._step_losses import StepLosses
from cotrain.gradients.backward._finite_hooks import add_finite_hooks
from cotrain.gradients.graph._task_graph import SHARED, TaskGraph, hook_watch

OnDrop = Callable[[int, Tensor], None]


def weighted_loss(call: StepLosses, weights_K: Tensor, on_drop: OnDrop) -> Tensor:
    """Return Σ wₖLₖ over the present tasks, heads weighed like the shared part.

    A task whose loss or gradient is not finite sends nothing.

    Args:
        call: the A losses.
        weights_K: K weights beside them.
        on_drop: called with (place among the K, bool scalar "is finite") where a gradient was looked at.
    """
    if not call.live:
        return call.values_A.sum()
    finite_A, kept = _kept(call)
    graph = TaskGraph(call.live)
    upstream: list[Tensor] = []
    add_finite_hooks(graph, finite_A, on_drop=_placed(on_drop, call), upstream=upstream)
    return _sum(call, kept, weights_K, upstream)


def split_weighted_loss(
    call: StepLosses,
    weights_K: Tensor,
    head_weights_K: Tensor,
    *,
    shared_ids: frozenset[int],
    on_drop: OnDrop,
) -> Tensor | None:
    """Return a scalar whose one backward pass weighs the shared part and the heads differently.

    The total is Σ pₖLₖ; where a task's own part hands gradient to the shared one, a hook multiplies it by
    wₖ/pₖ.

    Returns:
        The scalar, or `None` where several tasks reach a parameter that is not among the shared ones: no
        factor at the border could then be right for both.
    """
    graph = TaskGraph(call.live)
    for node, leaf in graph.leaves.items():
        if graph.owner[node] == SHARED and id(leaf) not in shared_ids:
            return None
    finite_A, kept = _kept(call)
    ratio_K = weights_K / head_weights_K
    scales = [ratio_K[place] for place in call.places]
    own = frozenset(id(leaf) for leaf in graph.leaves.values()) - shared_ids
    upstream: list[Tensor] = []
    add_finite_hooks(graph, finite_A, scales, own, on_drop=_placed(on_drop, call), upstream=upstream)
    return _sum(call, kept, head_weights_K, upstream)


def _kept(call: StepLosses) -> tuple[list[Tensor], Tensor]:
    finite_A = call.values_A.isfinite()
    live_A = torch.stack([loss.to(call.values_A.dtype) for loss in call.live])
    return list(finite_A.unbind()), torch.where(finite_A, live_A, torch.zeros_like(call.values_A))


def _sum(call: StepLosses, kept_A: Tensor, weights_K: Tensor, upstream: list[Tensor]) -> Tensor:
    weights_A = weights_K if len(call.places) == call.n_tasks else weights_K[call.index()]
    total = (kept_A * weights_A.to(kept_A.dtype)).sum()
    if total.requires_grad:
        # The hook must not return what `append` returns; it only looks.
        hook_watch.register(total, lambda grad: upstream.append(grad.detach()))
    return total


def _placed(on_drop: OnDrop, call: StepLosses) -> OnDrop:
    places = call.places  # not the call: a hook that leads to the losses would keep their graph for ever
    return lambda row, finite: on_drop(places[row], finite)
