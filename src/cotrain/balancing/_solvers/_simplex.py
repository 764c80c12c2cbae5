"""Euclidean projection onto the simplex."""

from __future__ import annotations

import numpy as np


def project_onto_simplex(point_K: np.ndarray) -> np.ndarray:
    """Return the nearest point with entries ≥ 0 that sum to 1.

    Sort-and-threshold (Duchi et al., "Efficient projections onto the l1-ball", 2008,
    https://doi.org/10.1145/1390156.1390191).

    Example:
        >>> project_onto_simplex(np.array([0.5, 2.0, -1.0])).tolist()
        [0.0, 1.0, 0.0]
    """
    descending_K = np.sort(point_K)[::-1]
    excess_K = np.cumsum(descending_K) - 1.0
    places_K = np.arange(1, point_K.size + 1)
    n_kept = int(np.count_nonzero(descending_K * places_K > excess_K))
    return np.maximum(point_K - excess_K[n_kept - 1] / n_kept, 0.0)
