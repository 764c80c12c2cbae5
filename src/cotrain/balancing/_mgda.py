"""The multiple-gradient descent algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cotrain._base import InvalidArgumentError, check_choice
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import least_norm_weights

Normalization = Literal["none", "l2", "loss", "loss+"]
#: Share of the largest loss of a step that a loss counts as at least: what a network is sure of comes to 0.
SMALLEST_LOSS = 1e-8


class MGDA(GramianRule):
    """The shortest vector in the convex hull of the gradients: w = argmin wᵀGw over the simplex.

    If d = Jᵀw is not zero, every task gains at least ‖d‖² along it; if it is zero, the point is Pareto
    stationary. Solved exactly by pivoting. Cost: the Gramian, and a K×K problem (1 µs at K = 2, a tenth
    of a millisecond at K = 64). Needs: `GRAMIAN`.

    It fails when one task has a much smaller gradient than the others: the shortest vector is then close
    to that task's gradient, however little it matters. `normalization` is the usual remedy. Weights sum to
    1, so a step is several times shorter than that of the plain sum.

    A preference p asks for gains in its proportion: the hull is that of gₖ/pₖ, so that
    ⟨gₖ, d⟩ ≥ pₖ·(a common gain).

    Args:
        normalization: the gradients are divided by sₖ before the hull is taken: `"none"` sₖ = 1, `"l2"`
            ‖gₖ‖, `"loss"` Lₖ, `"loss+"` Lₖ‖gₖ‖. A loss counts as 1e-8 of the step's largest at least.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if `normalization` is not one of the four, or a loss is negative where the
            normalisation divides by it.

    Example:
        >>> import numpy as np
        >>> MGDA().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).tolist()
        [0.2, 0.8]

    Source: Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012,
    https://doi.org/10.1016/j.crma.2012.03.014; Sener and Koltun, "Multi-Task Learning as Multi-Objective
    Optimization", 2018, https://arxiv.org/abs/1810.04650. Different here: exact instead of at most 250
    Frank-Wolfe steps; with a normalisation the weights are those of gₖ/sₖ, so that d stays the common descent
    direction that was computed (the authors' code applies them to the unnormalised losses).
    """

    def __init__(
        self, normalization: Normalization = "none", *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_choice(self, ("none", "l2", "loss", "loss+"), normalization=normalization)
        self.normalization = normalization

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        if self.normalization == "none" and self.preference is None:
            return least_norm_weights(gramian_AA)
        scales_A = preference_A.copy()
        if self.normalization in ("loss", "loss+"):
            if (losses_A < 0).any():
                raise InvalidArgumentError(
                    f"MGDA(normalization={self.normalization!r}) divides by the losses and got "
                    f"{losses_A.min():g}: use 'l2' or 'none', or shift the loss above 0."
                )
            scales_A *= np.maximum(losses_A / (losses_A.max() or 1.0), SMALLEST_LOSS)
        if self.normalization in ("l2", "loss+"):
            scales_A *= np.sqrt(np.diagonal(gramian_AA))
        weights_A = least_norm_weights(gramian_AA / (scales_A[:, None] * scales_A)) / scales_A
        return weights_A / weights_A.sum()
