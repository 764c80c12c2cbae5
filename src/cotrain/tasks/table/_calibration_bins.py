"""How often predictions of each confidence come true."""

from __future__ import annotations

from typing import Any

import numpy as np

from cotrain._base import beyond

BINS = 10


def calibration_bins(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Return the bins of ten that have rows: mean confidence, share that came true, number of rows.

    Args:
        confidence: [N] in [0, 1].
        right: [N], 0 or 1.

    Example:
        >>> calibration_bins(np.array([0.42, 0.44, 0.9]), np.array([True, False, True]))[0]
        {'confidence': 0.43, 'right': 0.5, 'n': 2}
    """
    # What lies on the lower edge of a bin is in it, whichever way it was rounded.
    bin_of = np.minimum((beyond(1.0) * confidence * BINS).astype(int), BINS - 1)
    found = []
    for i in range(BINS):
        rows = bin_of == i
        if rows.any():
            share, mean = float(right[rows].mean()), float(confidence[rows].mean())
            found.append({"confidence": round(mean, 4), "right": round(share, 4), "n": int(rows.sum())})
    return found
