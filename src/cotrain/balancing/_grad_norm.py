"""Gradient normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._adam import adam_step
from cotrain.balancing._norm_rule import NormRule


class GradNorm(NormRule):
    """Weights learned so that weighted gradients have one length, longer for tasks that lag behind.

    w descends by Adam on Σₖ |wₖnₖ − m·rₖ^α|, with the norms n, m = mean(w·n) held fixed and
    rₖ = (Lₖ/Lₖ(0)) / mean(L/L(0)), and is then brought back to mean 1. Cost: the gradient norms (of the last
    shared layer, in the paper). Needs: `NORMS`.

    It fails for losses that start near 0 or are negative: the rate rₖ is then kept at 1. A step of Adam is
    about `learning_rate` whatever the distance, so a weight that should be smaller than that swings around
    its goal: use a smaller rate where gradients differ a hundredfold or more.

    A preference multiplies the target lengths m·rₖ^α.

    Args:
        alpha: α ≥ 0, strength of the pull towards equal training rates; the paper uses .12 to 1.5.
        learning_rate: of Adam on the weights, > 0; the paper uses .025.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = GradNorm(alpha=0.0, learning_rate=0.01)
        >>> for _ in range(500):
        ...     weights = balancer.weights(np.ones(2), np.array([9.0, 1.0]))
        >>> weights.round(1).tolist()
        [0.5, 1.5]

    Source: Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask
    Networks", 2018, https://arxiv.org/abs/1711.02257. Different here: the norms are brought to root mean
    square 1 at every step, so that their unit cannot matter; a step at most halves a weight, so that it stays
    positive; the step that measures the norms already takes the new weights.
    """

    def __init__(
        self, alpha: float = 1.5, learning_rate: float = 0.025, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, alpha=alpha)
        check_number(self, 0.0, open_low=True, learning_rate=learning_rate)
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.state["weights"] = {}
        self.state["initial_losses"] = {}
        self.state["moments"] = {}

    def _solve(
        self, norms_A: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        kept, initial = self.state["weights"], self.state["initial_losses"]
        for task, loss in zip(index_A, losses_A, strict=True):
            initial.setdefault(str(task), float(loss))
        weights_A = np.array([kept.get(str(task), 1.0) for task in index_A])
        total = weights_A.sum()
        initial_A = np.array([initial[str(task)] for task in index_A])
        usable_A = (initial_A > 0) & (losses_A > 0)
        progress_A = np.where(usable_A, losses_A / np.where(usable_A, initial_A, 1.0), 1.0)
        rates_A = progress_A / progress_A.mean()
        lengths_A = weights_A * norms_A
        targets_A = lengths_A.mean() * rates_A**self.alpha * preference_A
        gaps_A = lengths_A - targets_A
        # rounding must not look like a gap: its sign alone would make a whole step
        signs_A = np.where(np.abs(gaps_A) > 1e-12 * targets_A, np.sign(gaps_A), 0.0)
        weights_A = np.maximum(weights_A + self._step(signs_A * norms_A, index_A), weights_A / 2)
        weights_A = weights_A * (total / weights_A.sum())
        kept.update({str(task): float(weight) for task, weight in zip(index_A, weights_A, strict=True)})
        return weights_A

    def _step(self, gradient_A: np.ndarray, index_A: np.ndarray) -> np.ndarray:
        """Return Adam's change of the weights; each task has its own moments and clock."""
        kept = self.state["moments"]
        first_A, second_A, steps_A = np.array([kept.get(str(task), (0.0, 0.0, 0.0)) for task in index_A]).T
        change_A, moments = adam_step(np, gradient_A, (first_A, second_A, steps_A), self.learning_rate)
        kept.update(
            {str(task): list(row) for task, row in zip(index_A, np.stack(moments, 1).tolist(), strict=True)}
        )
        return change_A
