"""One backward pass for all tasks in host memory, where looking at a number makes nothing wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cotrain.gradients._shared_parameters import (
    all_finite_on_host,
    grads_set_aside,
    is_finite,
    wide_sum,
)
from cotrain.gradients._step_losses import SkipCounter, StepLosses
from cotrain.gradients.graph._task_graph import SHARED, TaskGraph, hook_watch


class CPUBackward:
    """The gradient of Σ wₖLₖ, each task's own parameters multiplied by a factor of the task's afterwards.

    Where a task's own part hands gradient to the shared part, a hook looks at its sum and hands on zeros
    instead if that is not finite. The gradients of own parameters are looked at when the pass is over, all
    at once: whatever was in their `.grad` is set aside meanwhile. So a pass costs one look per task.

    Args:
        call: the A losses.
        shared_ids: ids of the shared parameters, which no factor touches.
        skipped: counts the tasks that are left out.
        overflow_passes: a `GradScaler` is at work, which has to see a gradient that is not finite.
    """

    def __init__(
        self, call: StepLosses, shared_ids: frozenset[int], skipped: SkipCounter, overflow_passes: bool
    ) -> None:
        self._rows = np.flatnonzero(call.finite_A).tolist()
        self._all = len(self._rows) == len(call.live)
        self._call = call
        self._shared_ids = shared_ids
        self._skipped = skipped
        self._overflow_passes = overflow_passes
        # A loss that is not finite stays out of the sum, and so does all behind it.
        self._graph = TaskGraph([call.live[row] for row in self._rows])
        self._dropped: set[int] = set()
        leaves, owner = self._graph.leaves, self._graph.owner
        self._own = [(owner[node], leaf) for node, leaf in leaves.items() if owner[node] != SHARED]

    def possible(self, factored: bool) -> bool:
        """Return whether nobody listens to the own parameters' gradients as they arrive.

        Args:
            factored: tasks have factors; then no parameter outside of the shared ones may belong to several.
        """
        listened = any(leaf._post_accumulate_grad_hooks for _, leaf in self._own)
        return not listened and not (factored and self._several_reach_others())

    def _several_reach_others(self) -> bool:
        leaves, owner = self._graph.leaves, self._graph.owner
        return any(owner[n] == SHARED and id(leaf) not in self._shared_ids for n, leaf in leaves.items())

    def run(
        self, weights_K: Tensor, factors_K: Sequence[float] | None, scaled: Callable[[Tensor], Tensor]
    ) -> None:
        """Add the gradients to `.grad`.

        Args:
            weights_K: of the losses.
            factors_K: of the tasks' own parameters; `None`: 1.
            scaled: multiplies the total by the `GradScaler`'s factor.
        """
        if not self._rows:
            return
        hooks = self._watch()
        with grads_set_aside([leaf for _, leaf in self._own]):
            try:
                scaled(self._total(weights_K)).backward()
            finally:
                # A hook leads to the losses and they lead to its node: a ring that no collector sees through.
                for hook in hooks:
                    hook.remove()
            self._look(factors_K)

    def _total(self, weights_K: Tensor) -> Tensor:
        call = self._call
        dtype = call.values_A.dtype
        live = [call.live[row] for row in self._rows]
        live = [loss if loss.dtype == dtype else loss.to(dtype) for loss in live]
        weights = weights_K.to(dtype)
        if not self._all or len(call.places) < call.n_tasks:
            weights = weights[[call.places[row] for row in self._rows]]
        return torch.stack(live).dot(weights)

    def _watch(self) -> list[Any]:
        return [
            hook_watch.register(node, self._looker(task, places))
            for node, task, places in self._graph.crossings(with_own_leaves=False)
        ]

    def _looker(self, task: int, places: tuple[int, ...]) -> Callable[..., Any]:
        def look(grad_inputs: tuple[Tensor | None, ...], _: Any) -> tuple[Tensor | None, ...] | None:
            result = None
            for place in places:
                grad = grad_inputs[place]
                # One sum tells.
                if grad is None or is_finite(wide_sum(grad)) or self._overflow_passes:
                    continue
                result = list(grad_inputs) if result is None else result
                result[place] = torch.zeros_like(grad)
                self._drop(task)
            return None if result is None else tuple(result)

        return look

    def _drop(self, task: int) -> None:
        if task not in self._dropped:
            self._dropped.add(task)
            self._skipped.drop(self._call.places[self._rows[task]], torch.zeros((), dtype=torch.bool))

    def _look(self, factors_K: Sequence[float] | None) -> None:
        """Drop what is not finite of the own gradients, and scale the rest."""
        grads = [leaf.grad for _, leaf in self._own]
        values = [grad for grad in grads if grad is not None]
        if not self._overflow_passes and not all_finite_on_host(values):
            for (task, _), grad in zip(self._own, grads, strict=True):
                # Closely, for a sum may have overflowed.
                if grad is not None and not bool(_dense(grad).isfinite().all()):
                    self._drop(task)
        if self._dropped:
            for task, leaf in self._own:
                if task in self._dropped:
                    leaf.grad = None
        if factors_K is not None:
            self._scale(factors_K)

    def _scale(self, factors_K: Sequence[float]) -> None:
        grads, factors = [], []
        for task, leaf in self._own:
            factor = factors_K[self._call.places[self._rows[task]]]
            if leaf.grad is not None and factor != 1 and id(leaf) not in self._shared_ids:
                grads.append(leaf.grad)
                factors.append(factor)
        if grads:
            torch._foreach_mul_(grads, factors)


def _dense(grad: Tensor) -> Tensor:
    return grad if grad.layout == torch.strided else grad.coalesce().values()
