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
EIGENVALUE_TOLERANCE = 1e-9
#: Cosines whose Cholesky pivots are all above this are regular; the eigenvalues take several times as long.
SAFE_PIVOT = 1e-2


def nearly_singular(cosines_KK: np.ndarray) -> bool:
    """Say whether gradients are linearly dependent or nearly so.

    Example:
        >>> nearly_singular(np.ones((2, 2))), nearly_singular(np.eye(2))
        (True, False)
    """
    try:
        if float(np.linalg.cholesky(cosines_KK).diagonal().min()) ** 2 > SAFE_PIVOT:
            return False
    except np.linalg.LinAlgError:
        return True
    return bool(np.linalg.eigvalsh(cosines_KK)[0] < EIGENVALUE_TOLERANCE)
