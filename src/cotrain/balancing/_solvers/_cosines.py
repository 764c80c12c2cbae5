"""A Gramian split into lengths and angles."""

from __future__ import annotations

import numpy as np


def lengths_and_cosines(gramian_KK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the norms n and the cosines C with G = diag(n) C diag(n).

    Solving in C keeps a problem well posed when the tasks' units differ by many orders of magnitude.
    """
    norms_K = np.sqrt(gramian_KK.diagonal())
    return norms_K, gramian_KK / (norms_K[:, None] * norms_K)


#: An eigenvalue of the cosines below this counts as zero: gradients are linearly dependent, or as good as.
#: Inner products in float32 leave up to 1e-6 of either sign where there should be 0.
EIGENVALUE_TOLERANCE = 1e-6
#: Cosines whose Cholesky pivots are all above this are regular; the eigenvalues take several times as long.
SAFE_PIVOT = 1e-2


def nearly_singular(cosines_KK: np.ndarray) -> bool:
    """Say whether gradients are linearly dependent or nearly so.

    Example:
        >>> nearly_singular(np.ones((2, 2))), nearly_singular(np.eye(2))
        (True, False)
    """
    return noise_of(cosines_KK) is not None


def noise_of(cosines_KK: np.ndarray) -> float | None:
    """Return how far from 0 those eigenvalues are that count as 0; `None` if there are none.

    Between dependent gradients that is the rounding of their inner products: 1e-16 or 1e-7.
    """
    try:
        if float(np.linalg.cholesky(cosines_KK).diagonal().min()) ** 2 > SAFE_PIVOT:
            return None
    except np.linalg.LinAlgError:
        pass
    values_K = np.linalg.eigvalsh(cosines_KK)
    # no eigenvalue can be negative but by noise, which is then of that size on the other side too
    zeros_Z = values_K[values_K < max(EIGENVALUE_TOLERANCE, -4.0 * float(values_K[0]))]
    return float(np.abs(zeros_Z).max()) if zeros_Z.size else None
