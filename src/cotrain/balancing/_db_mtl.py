"""Dual balancing, from the norms of the step."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._norm_rule import NormRule


class DBMTL(NormRule):
    """The gradients of the log-losses, all brought to the length of the longest of them.

    ∇log Lₖ = gₖ/Lₖ has the norm nₖ/Lₖ, so wₖ = maxⱼ(nⱼ/Lⱼ) / nₖ. It is the direction of `UnitNorm` with a
    length that follows the log-losses. Cost: the gradient norms only. Needs: `NORMS`. With the paper's
    running means of the gradients, which need all their entries, it is `DBMTLMomentum`.

    It fails near the end of training of one task: its gradient is then noise, brought to full length.
    Losses ≤ 0, which have no logarithm, count as 1, as in `DBMTLMomentum`: a loss of a class that a network
    is sure of comes to 0 in float32.

    A preference multiplies the weights.

    Args:
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> DBMTL().weights(np.array([1.0, 0.5]), np.array([4.0, 1.0])).round(6).tolist()
        [1.0, 2.0]

    Source: Lin et al., "Dual-Balancing for Multi-Task Learning", 2023, https://arxiv.org/abs/2308.12029.
    Different here: no running mean (β = 0).
    """

    def _solve(
        self, norms_A: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        of_logs_A = norms_A / np.where(losses_A > 0, losses_A, 1.0)
        return preference_A * (of_logs_A.max() / norms_A)
