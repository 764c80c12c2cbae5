"""Sums of experts weighted by gates, for all tasks in one product.

Shapes: K tasks, E experts, B batch, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor


def mix(gates: Sequence[Tensor], experts: Tensor) -> list[Tensor]:
    """Return Σᵢ gₖᵢ fᵢ for each gate: K × [B, E], [E, B, ...] -> K × [B, ...].

    One product for all tasks reads the experts once instead of K times. A gate whose mixture nothing is
    learned from gets no gradient at all instead of zeros, so that an optimiser leaves it alone.
    """
    mixed = _Mix.apply(experts.flatten(2).transpose(0, 1), *gates)
    return [one.unflatten(1, experts.shape[2:]) for one in mixed]


def weighted_sum(weights: Tensor, parts: Tensor) -> Tensor:
    """Return Σᵢ wᵢ fᵢ, [E] and [E, B, ...] -> [B, ...]; a product, so that mixed precision has a rule for it.

    Example:
        >>> weighted_sum(torch.tensor([1.0, 0.5]), torch.tensor([[[2.0]], [[4.0]]]))
        tensor([[4.]])
    """
    return (weights.unsqueeze(0) @ parts.flatten(1)).view(parts.shape[1:])


@final
class _Mix(torch.autograd.Function):
    """[B, E, D] and K × [B, E] -> K × [B, D]."""

    generate_vmap_rule = True

    @staticmethod
    def forward(experts: Tensor, *gates: Tensor) -> tuple[Tensor, ...]:
        stacked = torch.stack(gates, dim=1).to(experts.dtype)
        return torch.bmm(stacked, experts).unbind(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        # Without this a mixture that nothing is learned from would send zeros.
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        experts, *gates = ctx.saved_tensors
        active = [k for k, gradient in enumerate(gradients) if gradient is not None]
        given: list[Tensor | None] = [None] * (1 + len(gates))
        if not active:
            return tuple(given)
        known = [gradient for gradient in gradients if gradient is not None]
        outer = torch.stack(known, dim=1).to(experts.dtype)  # [B, A, D] of the A active tasks
        weights = torch.stack([gates[k] for k in active], dim=1).to(experts.dtype)  # [B, A, E]
        if ctx.needs_input_grad[0]:
            given[0] = torch.bmm(weights.transpose(1, 2), outer)
        if any(ctx.needs_input_grad[1:]):
            for_gates = torch.bmm(outer, experts.transpose(1, 2))
            for row, k in enumerate(active):
                given[1 + k] = for_gates[:, row].to(gates[k].dtype)
        return tuple(given)
