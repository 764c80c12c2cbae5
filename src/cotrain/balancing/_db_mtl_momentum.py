"""Dual balancing, with running means of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_max
from cotrain.balancing._jacobian_rule import JacobianRule


class DBMTLMomentum(JacobianRule):
    """Running means of the log-losses' gradients, all brought to the length of the longest of them.

    ĝₖ ← βₜĝₖ + (1−βₜ)gₖ/Lₖ with βₜ = β/t^σ, and d = maxⱼ‖ĝⱼ‖ · Σ ĝₖ/‖ĝₖ‖. With β = 0 it has the weights of
    `DBMTL`, which needs the norms only. Cost: the Jacobian, and a K×P state. Needs: `JACOBIAN`.

    It fails, for memory, on large models; and near the end of training of one task, whose gradient is then
    noise brought to full length. Losses ≤ 0 count as 1: their gradient is taken as it is.

    A preference multiplies the unit gradients.

    Args:
        beta: β in [0, 1).
        beta_decay: σ ≥ 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> jacobian = np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> DBMTLMomentum(beta=0.0).combine(jacobian, np.array([1.0, 0.5])).tolist()
        [2.0, 2.0]

    Source: Lin et al., "Dual-Balancing for Multi-Task Learning", 2023, https://arxiv.org/abs/2308.12029.
    Different here: one clock t per task, which stands still while the task is absent.
    """

    def __init__(
        self, beta: float = 0.9, beta_decay: float = 0.5, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, beta=beta)
        check_number(self, 0.0, beta_decay=beta_decay)
        self.beta = beta
        self.beta_decay = beta_decay

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        loss_K = xp.where(losses_K > 0, losses_K, xp.ones_like(losses_K))
        steps_K = self._recall(xp, "n_updates", losses_K, 0.0)
        self.state["n_updates"] = xp.where(active_K, steps_K + 1, steps_K)
        mean_KP = self._recall(xp, "mean_gradients", jacobian_KP, 0.0)
        beta_K1 = (self.beta / (steps_K + 1) ** self.beta_decay)[:, None]
        moved_KP = beta_K1 * mean_KP + (1 - beta_K1) * jacobian_KP / loss_K[:, None]
        mean_KP = xp.where(active_K[:, None], moved_KP, mean_KP)
        self.state["mean_gradients"] = mean_KP
        # two steps, so that squares of short gradients do not vanish
        largest_K = xp.max(xp.abs(mean_KP), axis=1)
        safe_K = xp.where(largest_K > 0, largest_K, xp.ones_like(largest_K))
        norms_K = safe_K * xp.sqrt(xp.sum((mean_KP / safe_K[:, None]) ** 2, axis=1))
        pulls_K = active_K & (norms_K > 0)
        weights_K = masked_max(xp, norms_K, pulls_K) / xp.where(pulls_K, norms_K, xp.ones_like(norms_K))
        weights_K = weights_K * self._preference_K(xp, losses_K, active_K)
        weights_K = xp.where(pulls_K, weights_K, xp.zeros_like(weights_K))
        return xp.sum(weights_K[:, None] * mean_KP, axis=0)
