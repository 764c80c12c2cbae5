"""Figures of whole spans, at each of their tokens."""

from __future__ import annotations

import numpy as np


def least_of_unit(values: np.ndarray, continues: np.ndarray) -> np.ndarray:
    """Return at every position the least value of its unit, [B, S].

    Args:
        values: [B, S].
        continues: bool [B, S], whether a position belongs to the unit of the one before it; never the first.

    Example:
        >>> least_of_unit(np.array([[0.9, 0.5, 0.8]]), np.array([[False, True, False]])).tolist()
        [[0.5, 0.5, 0.8]]
    """
    if not values.size:
        return values
    starts = np.flatnonzero(~continues)
    least = np.minimum.reduceat(values.ravel(), starts)
    return np.repeat(least, np.diff(np.append(starts, values.size))).reshape(values.shape)
