"""Keep a broken gradient inside the task that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from cotrain.gradients._shared_parameters import is_finite, wide_sum
from cotrain.gradients.graph._task_graph import TaskGraph, hook_watch


def add_finite_hooks(
    graph: TaskGraph,
    finite: Sequence[Tensor],
    scales: Sequence[Tensor] | None = None,
    unscaled: frozenset[int] = frozenset(),
    on_drop: Callable[[int, Tensor], None] | None = None,
    upstream: list[Tensor] | None = None,
) -> None:
    """Let each task's gradient pass from its own part of the graph only while it is finite.

    A weight of 0 is not enough: 0 · inf is NaN inside the backward pass. So a hook stands where a task's
    own part hands gradient to the shared part or to a leaf. It looks at one tensor (often the gradient of
    the representation) and passes zeros instead of it if the task's loss or that tensor is not finite. On
    the host it looks at memory; on an accelerator it selects with `torch.where`. Neither waits for a device.

    Under a `GradScaler` a gradient that is not finite means overflow, if its loss is finite: the scaler has
    to see it, or it would never lower its scale. A factor above 1 on the total tells that one is at work.

    Args:
        graph: of the A losses.
        finite: per loss, a bool scalar that says whether its value is finite.
        scales: per loss, a factor on what it hands to the shared part (not to leaves in `unscaled`).
        unscaled: ids of the leaf tensors that the scales leave alone.
        on_drop: called with (task, bool scalar "is finite") where a gradient was looked at.
        upstream: holds the gradient of the total once the backward pass has begun.
    """
    arrived: list[Tensor] = [] if upstream is None else upstream
    for node, task, places in graph.crossings():
        factors = []
        for place in places:
            child = graph.children[node][place][0]
            leaf = graph.leaves.get(child)
            own = leaf is not None and id(leaf) in unscaled
            factors.append((place, None if scales is None or own else scales[task]))
        hook_watch.register(node, _hook(tuple(factors), task, finite[task], on_drop, arrived))


def _hook(
    places: tuple[tuple[int, Tensor | None], ...],
    task: int,
    finite: Tensor,
    on_drop: Callable[[int, Tensor], None] | None,
    upstream: list[Tensor],
) -> Callable[..., tuple[Tensor | None, ...]]:
    def passed_on(grad_inputs: tuple[Tensor | None, ...], _: Any) -> tuple[Tensor | None, ...]:
        result = list(grad_inputs)
        for place, factor in places:
            grad = result[place]
            if grad is None:
                continue
            if factor is not None:
                grad = grad * factor.to(grad.dtype)
            result[place] = _checked(grad, task, finite, on_drop, upstream)
        return tuple(result)

    return passed_on


def _checked(
    grad: Tensor,
    task: int,
    finite: Tensor,
    on_drop: Callable[[int, Tensor], None] | None,
    upstream: list[Tensor],
) -> Tensor:
    total = wide_sum(grad)
    if total.device.type == "cpu":
        # Memory of the host: nothing waits. Zeros take the gradient's place only where it is broken.
        if not (is_finite(total) and finite.numpy()):
            if finite.numpy() and upstream and upstream[0].numpy() > 1:
                return grad
            grad = torch.zeros_like(grad)
            if on_drop is not None:
                on_drop(task, total.isfinite())
        return grad
    good = total.isfinite()
    if upstream:
        good = good | (upstream[0] > 1)
    if on_drop is not None:
        on_drop(task, good)
    return torch.where(good & finite, grad, torch.zeros((), dtype=grad.dtype, device=grad.device))
