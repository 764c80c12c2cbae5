"""Multi-objective gradient correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_mean, masked_simplex_projection, masked_sum
from cotrain.balancing._jacobian_rule import JacobianRule


class MoCo(JacobianRule):
    """The shortest combination of running means of the gradients, followed by small steps.

    yₖ ← yₖ + βₜ(gₖ − yₖ), w ← Π_Δ(w − γₜ(YYᵀ + ρI)w), d = Yᵀw, with βₜ = β/t^.5, γₜ = γ/t^.5 and Π_Δ the
    projection onto the simplex. Running means take away the bias that the noise of a batch gives `MGDA`.
    YYᵀ is divided by its mean diagonal. Cost: the Jacobian, and a K×P state. Needs: `JACOBIAN`. The weights
    of the last step are in `state["weights"]`; they belong to Y, not to the gradients of the step.

    It fails, for memory, on large models, and in the first steps, when Y knows little.

    A preference p asks for gains in its proportion, as in `MGDA`: rows are yₖ/pₖ.

    Args:
        beta: β in (0, 1], speed of the running means.
        gamma: γ > 0, speed of the weights.
        rho: ρ ≥ 0, pull towards equal weights.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = MoCo(beta=1.0)
        >>> balancer.combine(np.array([[2.0, 0.0], [0.0, 1.0]]), np.ones(2)).round(2).tolist()
        [0.94, 0.53]

    Source: Fernando et al., "Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent
    Approach", 2023, https://openreview.net/forum?id=dLAYGdKTi2. Different here: the projection of the paper,
    not the softmax of common implementations (which stays near equal weights); the scale-free YYᵀ; one
    clock per task.
    """

    def __init__(
        self,
        beta: float = 0.5,
        gamma: float = 0.1,
        rho: float = 0.0,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, open_low=True, beta=beta)
        check_number(self, 0.0, open_low=True, gamma=gamma)
        check_number(self, 0.0, rho=rho)
        self.beta = beta
        self.gamma = gamma
        self.rho = rho

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        n_tasks = losses_K.shape[0]
        steps_K = self._recall(xp, "n_updates", losses_K, 0.0)
        steps_K = xp.where(active_K, steps_K + 1, steps_K)
        self.state["n_updates"] = steps_K
        rates_K = 1.0 / xp.sqrt(xp.maximum(steps_K, xp.ones_like(steps_K)))
        means_KP = self._recall(xp, "mean_gradients", jacobian_KP, 0.0)
        moved_KP = means_KP + self.beta * rates_K[:, None] * (jacobian_KP - means_KP)
        means_KP = xp.where(active_K[:, None], moved_KP, means_KP)
        self.state["mean_gradients"] = means_KP

        scale_K = xp.where(active_K, 1.0 / self._preference_K(xp, losses_K, active_K), 0.0)
        rows_KP = means_KP * scale_K[:, None]
        largest = xp.max(xp.abs(rows_KP))
        rows_KP = rows_KP / xp.where(largest > 0, largest, xp.ones_like(largest))
        gramian_KK = rows_KP @ rows_KP.T
        unit = masked_mean(xp, xp.sum(rows_KP**2, axis=1), active_K)
        gramian_KK = gramian_KK / xp.where(unit > 0, unit, xp.ones_like(unit))

        old_K = self._recall(xp, "weights", losses_K, 1.0 / n_tasks)
        share = masked_sum(xp, old_K, active_K)  # absent tasks keep their weights, the others share the rest
        start_K = xp.where(active_K, old_K / xp.where(share > 0, share, xp.ones_like(share)), 0.0)
        slope_K = gramian_KK @ start_K + self.rho * start_K
        weights_K = masked_simplex_projection(xp, start_K - self.gamma * rates_K * slope_K, active_K)
        self.state["weights"] = xp.where(active_K, weights_K * share, old_K)
        applied_K = weights_K * scale_K
        total = xp.sum(applied_K)
        applied_K = applied_K / xp.where(total > 0, total, xp.ones_like(total))
        return xp.sum(applied_K[:, None] * means_KP, axis=0)
