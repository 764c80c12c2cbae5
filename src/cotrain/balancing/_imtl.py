"""Impartial multi-task learning, both halves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._solvers import equal_cosine_weights


class IMTL(GramianRule):
    """Learned loss scales (IMTL-L) for whole losses and equal projections (IMTL-G) for their gradients.

    Scales sₖ follow the gradient of Σ exp(sₖ)Lₖ − sₖ, which is smallest at exp(sₖ) = 1/Lₖ; the gradients of
    the scaled losses exp(sₖ)Lₖ are then combined as in `IMTLGradient`, with weights v that sum to 1:
    wₖ = exp(sₖ)·vₖ. The direction is that of `IMTLGradient`; its length, and the weights of the heads where
    whole losses are weighted, follow the scales. Cost: the Gramian, and one K×K linear system. Needs:
    `GRAMIAN`.

    It fails as `IMTLGradient` does. For a loss ≤ 0 the scale is left as it is.

    A preference p makes the projections proportional to pₖ.

    Args:
        learning_rate: step of the scales, > 0; a step is never longer than it.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if the learning rate is not positive.

    Example:
        >>> import numpy as np
        >>> IMTL().weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]])).round(4).tolist()
        [0.3333, 0.6667]

    Source: Liu et al., "Towards Impartial Multi-task Learning", 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr. Different here: the scales take bounded gradient steps of
    their own instead of living in the model's optimiser, and see `IMTLGradient`.
    """

    def __init__(self, learning_rate: float = 0.1, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, learning_rate=learning_rate)
        self.learning_rate = learning_rate
        self.state["log_scales"] = {}

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        kept = self.state["log_scales"]
        log_scales_A = np.array([kept.get(str(task), 0.0) for task in index_A])
        # shifting all scales alike turns nothing and keeps the exponentials in range
        scales_A = np.exp(log_scales_A - log_scales_A.max())
        weights_A = equal_cosine_weights(gramian_AA * scales_A[:, None] * scales_A, preference_A)
        size, total = float(np.abs(weights_A).sum()), abs(float(weights_A.sum()))
        if size > 0:
            weights_A = weights_A / max(total, 1e-6 * size)
        for task, loss in zip(index_A, losses_A, strict=True):
            scale = kept.get(str(task), 0.0)
            if loss > 0:
                slope = min(math.exp(min(scale + math.log(loss), 1.0)) - 1.0, 1.0)
                scale -= self.learning_rate * slope
            kept[str(task)] = scale
        return weights_A * np.exp(np.clip(log_scales_A, -60.0, 60.0))
