"""A small network and tiny rules for the tests of this folder."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cotrain.balancing import CrossBatchRule, GramianRule, JacobianRule, NormRule


class Inverse(GramianRule):
    """A small rule that depends on every entry: w = (G + I)⁻¹ 1, times the preference."""

    def _solve(self, gramian_AA, losses_A, preference_A, index_A):
        return preference_A * np.linalg.solve(gramian_AA + np.eye(len(losses_A)), np.ones(len(losses_A)))


class UnitLength(NormRule):
    def _solve(self, norms_A, losses_A, preference_A, index_A):
        return 1 / norms_A


class SignSum(JacobianRule):
    def _combine(self, xp, jacobian_KP, losses_K, active_K):
        return xp.sum(xp.sign(jacobian_KP), axis=0)


class CrossRow(CrossBatchRule):
    def _solve(self, cross_AA, preference_A, index_A):
        return 1 + cross_AA @ np.arange(len(index_A))


class Net(nn.Module):
    def __init__(self, n_tasks: int = 3, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
        self.heads = nn.ModuleList(nn.Linear(5, 1) for _ in range(n_tasks))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
        self.to(dtype)
        self.x = torch.randn(7, 4, generator=generator).to(dtype)
        self.y = torch.randn(7, n_tasks, generator=generator).to(dtype)

    def losses(self, rows: slice = slice(None)) -> dict[str, torch.Tensor]:
        return self.losses_of(self.encoder(self.x[rows]), rows)

    def losses_of(self, z: torch.Tensor, rows: slice = slice(None)) -> dict[str, torch.Tensor]:
        return {
            f"t{k}": (k + 1) * (head(z)[:, 0] - self.y[rows, k]).square().mean()
            for k, head in enumerate(self.heads)
        }


def grads(module: nn.Module) -> list[torch.Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in module.parameters()]


def flat(parameters) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in parameters])


def values(losses) -> np.ndarray:
    return torch.stack(list(losses.values())).detach().numpy()


def jacobian(losses, parameters) -> torch.Tensor:
    parameters = list(parameters)
    rows = []
    for loss in losses.values():
        gs = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        pairs = zip(parameters, gs, strict=True)
        rows.append(
            torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in pairs])
        )
    return torch.stack(rows)
