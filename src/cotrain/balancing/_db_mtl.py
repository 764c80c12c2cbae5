"""Dual balancing, from the norms of the step."""

from __future__ import annotations

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._norm_rule import NormRule


class DBMTL(NormRule):
    """The gradients of the log-losses, all brought to the length of the longest of them.

    ∇log Lₖ = gₖ/Lₖ has the norm nₖ/Lₖ, so wₖ = maxⱼ(nⱼ/Lⱼ) / nₖ. It is the direction of `UnitNorm` with a
    length that follows the log-losses. Cost: the gradient norms only. Needs: `NORMS`. With the paper's
    running means of the gradients, which need all their entries, it is `DBMTLMomentum`.

    It fails near the end of training of one task: its gradient is then noise, brought to full length.
    A loss that is not positive has no logarithm and is refused.

    A preference multiplies the weights.

    Args:
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: at a loss ≤ 0.

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
        if (losses_A <= 0).any():
            worst = int(np.argmin(losses_A))
            raise InvalidArgumentError(
                f"DBMTL takes logarithms of the losses and got {losses_A[worst]:g} for task number "
                f"{index_A[worst]}: shift that loss above 0, or use UnitNorm, which has the same direction."
            )
        return preference_A * ((norms_A / losses_A).max() / norms_A)
