"""Stochastic direction-oriented multi-objective gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._cross_batch_rule import CrossBatchRule
from cotrain.balancing._simplex_state import keep_simplex, recall_simplex
from cotrain.balancing._solvers import project_onto_simplex


class SDMGrad(CrossBatchRule):
    """A common descent direction that stays close to the mean gradient, without the bias of one batch.

    v ∈ Δ takes projected steps with momentum towards argmin ½‖Jᵀv + λg₀‖², g₀ = Σ gₖ/K, along
    J₁J₂ᵀ(v + λ/K) from two independent batches; the update is d = (Jᵀv + λg₀)/(1 + λ) on a third. λ = 0 is
    `MGDA`, λ → ∞ the mean. Cost: gradients of two batches more than the one of the update. Needs: `CROSS`.

    It fails with very noisy batches: the cross Gramian may point anywhere, and twenty steps follow it.

    A preference p makes g₀ the weighted mean Σ pₖgₖ/K (p with mean 1).

    Args:
        strength: λ ≥ 0, pull towards the mean gradient (the authors' experiments: .3).
        learning_rate: of the steps of v, > 0, in units of the normalised cross Gramian.
        momentum: in [0, 1].
        steps: number of steps of v per call, at least 1.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> SDMGrad(strength=0.0, steps=500).weights(np.ones(2), np.diag([4.0, 1.0])).round(4).tolist()
        [0.2, 0.8]

    Source: Xiao, Ban and Ji, "Direction-oriented Multi-objective Learning: Simple and Provable Stochastic
    Algorithms", 2023, https://arxiv.org/abs/2305.18409. Different here: the cross Gramian is divided by its
    Frobenius norm over √K, with a learning rate in that unit.
    """

    def __init__(
        self,
        strength: float = 0.3,
        learning_rate: float = 0.1,
        momentum: float = 0.5,
        steps: int = 20,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, strength=strength)
        check_number(self, 0.0, open_low=True, learning_rate=learning_rate)
        check_number(self, 0.0, 1.0, momentum=momentum)
        check_number(self, 1, steps=steps)
        self.strength = strength
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.steps = steps
        self.state["weights"] = {}

    def _solve(self, cross_AA: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray) -> np.ndarray:
        weights_A, total = recall_simplex(self.state["weights"], index_A)
        pull_A = self.strength * preference_A / index_A.size
        velocity_A = np.zeros_like(weights_A)
        for _ in range(self.steps):
            velocity_A = self.momentum * velocity_A + cross_AA @ (weights_A + pull_A)
            weights_A = project_onto_simplex(weights_A - self.learning_rate * velocity_A)
        keep_simplex(self.state["weights"], index_A, weights_A, total)
        return (weights_A + pull_A) / (1.0 + self.strength)
