"""Similarity-aware momentum gradient surgery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, masked_mean
from cotrain.balancing._jacobian_rule import JacobianRule


class SAMGS(JacobianRule):
    """Gradients of unlike lengths are brought to one length; those of like lengths follow their momentum.

    Two gradients have the magnitude similarity Sᵢⱼ = 2nᵢnⱼ/(nᵢ² + nⱼ²), n their norms. If any pair has S < γ,
    d = n̄ Σ gₖ/nₖ. Otherwise d = Σ gₖ∘|m̂ₖ| / (m̄√v̂), entry by entry, with mₖ ← β₁mₖ + (1−β₁)gₖ, m̄ the mean
    of all |m̂| and v ← β₂v + (1−β₂)(1 − S̄)² for the mean similarity S̄, bias-corrected as in Adam. Cost: the
    Jacobian, and a K×P state. Needs: `JACOBIAN`.

    It fails to give updates of one size: those that follow the momentum grow as the norms become equal
    (v → 0), up to 10,000 times. Use an optimiser that does not mind, such as Adam.

    A preference multiplies the terms of the sum.

    Args:
        gamma: γ in [0, 1].
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> jacobian = np.array([[3.0, 0.0], [0.0, 1.0]])
        >>> SAMGS(gamma=0.9).combine(jacobian, np.ones(2)).tolist()  # similarity .6
        [2.0, 2.0]

    Source: Borsani et al., "Gradient Similarity Surgery in Multi-Task Deep Learning", 2025,
    https://arxiv.org/abs/2506.06130. Different here, from the authors' code, which we followed: divided by m̄,
    without which such an update has the unit of a squared gradient; 1e-8 keeps v̂ above 0 but is not added to
    v again at every step; the means start at 0; and each task has a clock of its own.
    """

    def __init__(
        self,
        gamma: float = 0.9,
        beta_1: float = 0.9,
        beta_2: float = 0.9,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, gamma=gamma)
        check_number(self, 0.0, 1.0, open_high=True, beta_1=beta_1, beta_2=beta_2)
        self.gamma = gamma
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.state["step"] = 0

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        step = self.state["step"] = self.state["step"] + 1
        steps_K = self._recall(xp, "n_updates", losses_K, 0.0)
        steps_K = xp.where(active_K, steps_K + 1, steps_K)
        means_KP = self._recall(xp, "mean_gradients", jacobian_KP, 0.0)
        moved_KP = self.beta_1 * means_KP + (1.0 - self.beta_1) * jacobian_KP
        means_KP = xp.where(active_K[:, None], moved_KP, means_KP)
        self.state["n_updates"] = steps_K
        self.state["mean_gradients"] = means_KP

        largest = xp.max(xp.abs(jacobian_KP))
        unit = xp.where(largest > 0, largest, xp.ones_like(largest))
        norms_K = xp.sqrt(xp.sum((jacobian_KP / unit) ** 2, axis=1))
        pulls_K = active_K & (norms_K > 0)
        mean, lowest = _similarities(xp, norms_K, pulls_K)
        kept_1 = self._recall(xp, "dissimilarity", losses_K[:1], 0.0)
        kept_1 = self.beta_2 * kept_1 + (1.0 - self.beta_2) * (1.0 - mean) ** 2
        self.state["dissimilarity"] = kept_1
        root_1 = xp.sqrt(kept_1 / (1.0 - self.beta_2**step) + 1e-8)

        preference_K = self._preference_K(xp, losses_K, pulls_K)
        safe_norms_K = xp.where(pulls_K, norms_K, xp.ones_like(norms_K))
        weights_K = xp.where(pulls_K, preference_K * masked_mean(xp, norms_K, pulls_K) / safe_norms_K, 0.0)
        equalised_P = xp.sum(weights_K[:, None] * jacobian_KP, axis=0)
        safe_steps_K = xp.maximum(steps_K, xp.ones_like(steps_K))
        momentum_KP = xp.abs(means_KP / (1.0 - self.beta_1**safe_steps_K)[:, None])
        typical = masked_mean(xp, xp.mean(momentum_KP, axis=1), pulls_K)
        momentum_KP = momentum_KP / xp.where(typical > 0, typical, xp.ones_like(typical))
        followed_P = xp.sum(preference_K[:, None] * jacobian_KP * momentum_KP, axis=0) / root_1
        return xp.where(lowest < self.gamma, equalised_P, followed_P)


def _similarities(xp: Any, norms_K: Array, pulls_K: Array) -> tuple[Array, Array]:
    """Return the mean and the lowest magnitude similarity over the pairs of tasks; 1 where there are none."""
    ones_KK = xp.ones_like(norms_K[:, None] * norms_K[None, :])
    squares_KK = norms_K[:, None] ** 2 + norms_K[None, :] ** 2
    pairs_KK = pulls_K[:, None] & pulls_K[None, :]
    safe_KK = xp.where(pairs_KK & (squares_KK > 0), squares_KK, ones_KK)
    similarity_KK = 2.0 * norms_K[:, None] * norms_K[None, :] / safe_KK
    places_K = xp.arange(norms_K.shape[0], device=norms_K.device)
    pairs_KK = pairs_KK & (places_K[:, None] < places_K[None, :])
    similarity_KK = xp.where(pairs_KK, similarity_KK, ones_KK)
    n_pairs = xp.sum(xp.where(pairs_KK, ones_KK, xp.zeros_like(ones_KK)))
    total = xp.sum(xp.where(pairs_KK, similarity_KK, xp.zeros_like(ones_KK)))
    mean = xp.where(n_pairs > 0, total / xp.maximum(n_pairs, xp.ones_like(n_pairs)), xp.ones_like(total))
    return mean, xp.min(similarity_KK)
