"""What a source is asked, and what it has to answer."""

from __future__ import annotations

import torch

from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.sources._base import GradientRequest


def ask(losses, parameters, **options) -> GradientRequest:
    call = order_losses(losses, list(losses), torch.device("cpu"))
    return GradientRequest(call, SharedParameters(parameters), **options)


def assert_answers(gradients, module, jacobian_AP, heads=None) -> None:
    """Hold Gramian, combined gradient and the heads' gradients to the literal Jacobian.

    Args:
        gradients: what the source has opened.
        module: whose parameters are shared.
        jacobian_AP: one row per present task.
        heads: parameter of one task -> (place of the task, its gradient).
    """
    n_tasks = len(jacobian_AP)
    torch.testing.assert_close(
        gradients.gramian(), jacobian_AP @ jacobian_AP.T, rtol=1e-9, atol=1e-11, check_dtype=False
    )
    weights_A = torch.linspace(0.5, 2.0, n_tasks, dtype=torch.float64)
    if n_tasks > 2:
        weights_A[1] = 0
    gradients.apply(weights_A, torch.arange(1, n_tasks + 1, dtype=torch.float64))
    found = torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad.to_dense()).flatten()
            for p in module.parameters()
        ]
    )
    torch.testing.assert_close(found, weights_A @ jacobian_AP, rtol=1e-9, atol=1e-11, check_dtype=False)
    for parameter, (task, grad) in (heads or {}).items():
        torch.testing.assert_close(parameter.grad, (task + 1) * grad)
