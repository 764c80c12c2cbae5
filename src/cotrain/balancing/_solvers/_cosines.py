"""A Gramian split into lengths and angles."""

from __future__ import annotations

import numpy as np


def lengths_and_cosines(gramian_KK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the norms n and the cosines C with G = diag(n) C diag(n).

    Solving in C keeps a problem well posed when the tasks' units differ by many orders of magnitude.
    """
    norms_K = np.sqrt(gramian_KK.diagonal())
    return norms_K, gramian_KK / (norms_K[:, None] * norms_K)
