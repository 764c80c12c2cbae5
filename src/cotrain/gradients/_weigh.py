"""From a Gramian on the device to weights, through host memory once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cotrain.balancing import Balancer, Needs
from cotrain.gradients._call import Call

Rescale = Literal["sum", "mean", "weights"] | None


@dataclass(frozen=True)
class Measured:
    """The K losses and gradients of a step in host memory, float64.

    Args:
        losses_K: NaN where absent.
        gramian_KK: NaN rows and columns where absent; only a diagonal if no more was computed.
        active_K: present and finite.
        broken_K: present and not finite.
        overflow: a finite loss has a gradient that is not finite.
    """

    losses_K: np.ndarray
    gramian_KK: np.ndarray
    active_K: np.ndarray
    broken_K: np.ndarray
    overflow: bool


def measure(call: Call, gramian: Tensor, heads_finite_A: Tensor, scale: Tensor | None = None) -> Measured:
    """Bring everything to the host in one transfer.

    Args:
        call: the A present losses.
        gramian: A×A, or the A squared norms.
        heads_finite_A: whether the own parameters' gradients are finite.
        scale: the factor that the gradients carry (a `GradScaler`'s).
    """
    n_present, place = len(call.places), np.array(call.places)
    device = gramian.device
    unit = torch.ones((), device=device) if scale is None else scale
    parts = [gramian.flatten(), call.values_A, heads_finite_A, unit.reshape(1)]
    packed = torch.cat([part.detach().to(device, torch.float64) for part in parts]).cpu().numpy()
    values = packed[: gramian.numel()] / packed[-1] ** 2
    losses_A, heads_A = packed[gramian.numel() : -1].reshape(2, n_present)
    gramian_AA = np.diag(values) if gramian.ndim == 1 else values.reshape(n_present, n_present)
    finite_A = np.isfinite(np.diagonal(gramian_AA)) & (heads_A > 0)
    losses_K = np.full(call.n_tasks, np.nan)
    losses_K[place] = losses_A
    gramian_KK = np.full((call.n_tasks, call.n_tasks), np.nan)
    gramian_KK[np.ix_(place, place)] = gramian_AA
    active_K = np.zeros(call.n_tasks, dtype=bool)
    active_K[place] = finite_A & np.isfinite(losses_A)
    broken_K = np.zeros(call.n_tasks, dtype=bool)
    broken_K[place] = ~active_K[place]
    overflow = bool(np.any(np.isfinite(losses_A) & ~finite_A))
    return Measured(losses_K, gramian_KK, active_K, broken_K, overflow)


def weigh(balancer: Balancer, measured: Measured, call: Call, rescale: Rescale) -> np.ndarray:
    """Return the K weights in float64, 0 for tasks that are not active."""
    active_K = measured.active_K
    # Rules skip what is inactive before they compute, so any finite filler will do.
    safe_KK = np.where(np.outer(active_K, active_K), measured.gramian_KK, 0.0)
    if balancer.needs is Needs.LOSSES:
        active = torch.from_numpy(active_K).to(call.values_A.device)
        weights = balancer.weights(call.losses_K(), None, active)
        weights_K = weights.detach().double().cpu().numpy()
    else:
        weights_K = np.asarray(balancer.weights(np.nan_to_num(measured.losses_K), safe_KK, active_K))
    return weights_K * rescaling(weights_K, safe_KK, active_K, rescale)


def head_weights(preference: Sequence[float] | None, active_K: np.ndarray) -> np.ndarray:
    """Return the preference with mean 1 over the active tasks, 0 elsewhere."""
    weights_K = np.where(active_K, np.ones(len(active_K)) if preference is None else preference, 0.0)
    total = weights_K.sum()
    return weights_K * (active_K.sum() / total) if total > 0 else weights_K


def rescaling(weights_K: np.ndarray, gramian_KK: np.ndarray, active_K: np.ndarray, rescale: Rescale) -> float:
    """Return the factor that gives the update the length that `rescale` asks for."""
    n_active = int(active_K.sum())
    if rescale is None or n_active == 0:
        return 1.0
    if rescale == "weights":
        total = float(weights_K.sum())
        return n_active / total if total > 0 else 1.0
    ones_K = active_K.astype(float)
    length = float(np.sqrt(max(weights_K @ gramian_KK @ weights_K, 0.0)))
    wanted = float(np.sqrt(max(ones_K @ gramian_KK @ ones_K, 0.0)))
    if length == 0:
        return 1.0
    return wanted / length / (n_active if rescale == "mean" else 1)


def scaled_to_number(weights_K: Tensor) -> Tensor:
    """Scale weights on the device so that they add up to the number of those that are not 0."""
    total = weights_K.sum()
    return weights_K * (weights_K.count_nonzero() / torch.where(total > 0, total, 1))
