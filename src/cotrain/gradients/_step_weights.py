"""From a Gramian on the device to weights, through host memory once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from cotrain.balancing import Balancer, Needs
from cotrain.gradients._step_losses import StepLosses

Rescale = Literal["sum", "mean", "weights"] | None


@dataclass(frozen=True)
class StepMeasurements:
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


def measure(
    call: StepLosses, gramian: Tensor, heads_finite_A: Tensor, scale: Tensor | None = None
) -> StepMeasurements:
    """Bring everything to the host in one transfer.

    Args:
        call: the A present losses.
        gramian: A×A, or the A squared norms.
        heads_finite_A: whether the own parameters' gradients are finite.
        scale: the factor that the gradients carry (a `GradScaler`'s).
    """
    values, losses_A, heads_A = _on_host(call, gramian, heads_finite_A, scale)
    gramian_AA = np.diag(values) if values.ndim == 1 else values
    finite_A = np.isfinite(gramian_AA.diagonal()) & heads_A
    active_A = finite_A & np.isfinite(losses_A)
    overflow = bool((np.isfinite(losses_A) & ~finite_A).any())
    if len(call.places) == call.n_tasks:
        return StepMeasurements(losses_A, gramian_AA, active_A, ~active_A, overflow)
    place = np.array(call.places, dtype=int)
    losses_K = np.full(call.n_tasks, np.nan)
    losses_K[place] = losses_A
    gramian_KK = np.full((call.n_tasks, call.n_tasks), np.nan)
    gramian_KK[np.ix_(place, place)] = gramian_AA
    active_K, broken_K = np.zeros((2, call.n_tasks), dtype=bool)
    active_K[place], broken_K[place] = active_A, ~active_A
    return StepMeasurements(losses_K, gramian_KK, active_K, broken_K, overflow)


def _on_host(
    call: StepLosses, gramian: Tensor, heads_finite_A: Tensor, scale: Tensor | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Gramian, losses and booleans in float64 without the scale, in one transfer if there is any."""
    if gramian.device.type == "cpu":
        factor = 1.0 if scale is None else float(scale.double().numpy()) ** 2
        values = gramian.detach().double().numpy() / factor
        return values, call.values_A.double().numpy(), heads_finite_A.cpu().numpy()
    unit = torch.ones((), device=gramian.device) if scale is None else scale
    parts = [gramian.flatten(), call.values_A, heads_finite_A, unit.reshape(1)]
    packed = torch.cat([part.detach().to(gramian.device, torch.float64) for part in parts]).cpu().numpy()
    values = (packed[: gramian.numel()] / packed[-1] ** 2).reshape(tuple(gramian.shape))
    losses_A, heads_A = packed[gramian.numel() : -1].reshape(2, len(call.places))
    return values, losses_A, heads_A > 0


def measure_cross(call: StepLosses, extra: Sequence[StepLosses], cross: Tensor) -> StepMeasurements:
    """Bring the Gramian between two independent batches to the host.

    Args:
        call: the losses that are weighed.
        extra: the two batches.
        cross: A₁×A₂, inner products of the gradients of the tasks that each of them has.
    """
    cross_KK = np.full((call.n_tasks, call.n_tasks), np.nan)
    cross_KK[np.ix_(extra[0].places, extra[1].places)] = cross.double().cpu().numpy()
    losses_K = np.full(call.n_tasks, np.nan)
    losses_K[list(call.places)] = call.values_A.double().cpu().numpy()
    in_all_K = np.isfinite(losses_K)
    for batch in extra:
        in_all_K &= np.isin(np.arange(call.n_tasks), batch.places)
    active_K = in_all_K & np.isfinite(np.diagonal(cross_KK))
    broken_K = np.zeros(call.n_tasks, dtype=bool)
    broken_K[list(call.places)] = ~np.isfinite(losses_K[list(call.places)])
    broken_K |= in_all_K & ~active_K
    return StepMeasurements(losses_K, cross_KK, active_K, broken_K, False)


def weigh(balancer: Balancer, measured: StepMeasurements, call: StepLosses, rescale: Rescale) -> np.ndarray:
    """Return the K weights in float64, 0 for tasks that are not active."""
    active_K = measured.active_K
    losses_K, safe_KK, active = measured.losses_K, measured.gramian_KK, None
    if not active_K.all():
        # Rules skip what is inactive before they compute, so any finite filler will do.
        safe_KK = np.where(np.outer(active_K, active_K), safe_KK, 0.0)
        losses_K, active = np.nan_to_num(losses_K), active_K
    if balancer.needs is Needs.LOSSES:
        on_device = torch.from_numpy(active_K).to(call.values_A.device)
        weights = balancer.weights(call.losses_K(), None, on_device)
        weights_K = weights.detach().double().cpu().numpy()
    else:
        weights_K = np.asarray(balancer.weights(losses_K, safe_KK, active))
    return weights_K * rescaling(weights_K, safe_KK, active_K, rescale)


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
