"""Gradients of one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cotrain._base import check_choice
from cotrain.balancing._norm_rule import NormRule


class UnitNorm(NormRule):
    """Every gradient brought to one length: wₖ = n̄ / ‖gₖ‖.

    n̄ is the mean, the largest or the smallest of the norms. Many methods amount to this direction:
    NTKMTL with one sample, the released form of DiBS-MTL, the gradient half of DB-MTL, GradNorm with α = 0.
    Cost: the gradient norms only. Needs: `NORMS`.

    It fails near the end of training of one task: its gradient is then noise, brought to full length.

    A preference multiplies the weights, so that lengths are proportional to pₖ.

    Args:
        length: `"mean"`, `"max"` or `"min"` of the norms.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if `length` is not one of the three.

    Example:
        >>> import numpy as np
        >>> UnitNorm().weights(np.ones(2), np.array([9.0, 1.0])).round(6).tolist()  # squared norms
        [0.666667, 2.0]

    Source: Qin et al., "NTKMTL: Mitigating Task Imbalance in Multi-Task Learning from Neural Tangent Kernel
    Perspective", 2025, https://arxiv.org/abs/2510.18258, whose weights √(tr G / Gₖₖ) differ by one factor.
    """

    def __init__(
        self, length: Literal["mean", "max", "min"] = "mean", *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_choice(self, ("mean", "max", "min"), length=length)
        self.length = length

    def _solve(
        self, norms_A: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        lengths = {"mean": norms_A.mean(), "max": norms_A.max(), "min": norms_A.min()}
        return preference_A * (lengths[self.length] / norms_A)
