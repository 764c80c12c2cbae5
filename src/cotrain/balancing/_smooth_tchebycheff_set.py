"""Smooth Tchebycheff scalarisation over a set of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import InvalidArgumentError, check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._loss_rule import LossRule


class SmoothTchebycheffSet(LossRule):
    """A few models for many tasks (STCH-Set): the smooth worst task under the smooth best model for it.

    The K = N·m losses are those of N models (heads, experts, networks) on m tasks: first the m losses of the
    first model, then those of the second, and so on. The gradient is that of
    μ log Σᵢ exp(hᵢ/μ) with hᵢ = −μ log Σₙ exp(−λᵢL_{ni}/μ), times m: a softmax over the tasks times a
    softmin over the models, wₙᵢ = m·λᵢ·softmax(h/μ)ᵢ·softmax(−λᵢLₙᵢ/μ)ₙ. Each task is left to the model that
    does it best. Cost: nothing beyond the one backward pass. Needs: `LOSSES`.

    It fails for losses of different units, of which the largest is taken for the worst (scale them first),
    and for a small μ and noisy losses. It depends on the order of the losses, as said above.

    A preference is λ (with mean 1), one value for each of the K losses.

    Args:
        models: N ≥ 1; K must be a multiple of it. With 1 it is the smooth maximum of the losses.
        mu: μ > 0, the smoothing; the authors use .1.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range, or K is no multiple of N.

    Example:
        >>> import numpy as np
        >>> balancer = SmoothTchebycheffSet(models=2, mu=0.1)
        >>> balancer.weights(np.array([0.1, 0.9, 0.9, 0.1])).round(3).tolist()  # each has a task of its own
        [1.0, 0.0, 0.0, 1.0]

    Source: Lin et al., "Few for Many: Tchebycheff Set Scalarization for Many-Objective Optimization", 2025,
    https://arxiv.org/abs/2405.19650. Different here: the ideal point is 0, a factor m, and a pair of model
    and task without a loss in the batch is left out of both sums.
    """

    multiplies_preference = False

    def __init__(
        self, models: int = 1, mu: float = 0.1, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 1, models=models)
        check_number(self, 0.0, open_low=True, mu=mu)
        self.models = models
        self.mu = mu

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        n_losses = losses_K.shape[0]
        if n_losses % self.models:
            raise InvalidArgumentError(
                f"SmoothTchebycheffSet(models={self.models}) got {n_losses} losses: give those of each model "
                "on every task, a multiple of the number of models."
            )
        shape = (self.models, n_losses // self.models)
        scale_K = self._preference_K(xp, losses_K, active_K)
        active_NM = xp.reshape(active_K, shape)
        exponent_NM = xp.reshape(scale_K * losses_K / self.mu, shape)
        best_M, softmin_NM = _softmax(xp, -exponent_NM, active_NM)
        task_1M = xp.any(active_NM, axis=0)[None, :]
        worst_1M = _softmax(xp, -best_M[None, :], task_1M, axis=1)[1]
        n_tasks = xp.sum(xp.astype(task_1M, losses_K.dtype))
        return n_tasks * scale_K * xp.reshape(worst_1M * softmin_NM, (n_losses,))


def _softmax(xp: Any, values: Array, mask: Array, axis: int = 0) -> tuple[Array, Array]:
    """Return log Σ exp and the softmax along an axis, over the entries where the mask is true (0 if none)."""
    low = xp.min(values)
    largest = xp.max(xp.where(mask, values, low), axis=axis, keepdims=True)
    raised = xp.where(mask, xp.exp(xp.where(mask, values - largest, xp.zeros_like(values))), 0.0)
    total = xp.sum(raised, axis=axis, keepdims=True)
    safe_total = xp.where(total > 0, total, xp.ones_like(total))
    return xp.squeeze(largest + xp.log(safe_total), axis=axis), raised / safe_total
