"""The shortest combination of gradients that brings each of them a given gain."""

from __future__ import annotations

import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines
from cotrain.balancing._solvers._pivoting import complementary_of_cosines

#: A gain that falls short by more than this share of what is wanted says that no combination brings all.
SHORTFALL = 1e-6


def shortest_correction(gramian_KK: np.ndarray, wanted_K: np.ndarray) -> np.ndarray:
    """Return argmin ½μᵀGμ − bᵀμ over μ ≥ 0: the shortest c = Jᵀμ with ⟨g_k, c⟩ ≥ b_k for all k.

    Zeros if there is none.

    Args:
        gramian_KK: symmetric, positive diagonal.
        wanted_K: the gains b.
    """
    if not (wanted_K > 0).any():
        return np.zeros_like(wanted_K)
    norms_K, cosines_KK = lengths_and_cosines(gramian_KK)
    cosines_KK.flat[:: cosines_KK.shape[0] + 1] = 1.0
    gains_K = wanted_K / norms_K
    z_K = complementary_of_cosines(cosines_KK, -gains_K[None, :])[0]
    if (cosines_KK @ z_K < gains_K - SHORTFALL * np.abs(gains_K).max()).any():
        return np.zeros_like(wanted_K)
    return z_K / norms_K
