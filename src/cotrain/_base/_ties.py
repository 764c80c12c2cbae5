"""Equal but for rounding: what ranks, thresholds and bins take for one value.

A vectorised kernel rounds the tail of a tensor otherwise than its body, and a product of matrices rounds
otherwise in a larger batch. Equal rows then have scores that differ in their last digits, and a figure that
looks at order alone would read a meaning into it.
"""

from __future__ import annotations

from typing import TypeVar

import array_api_compat
import numpy as np

Array = TypeVar("Array")

#: Relative difference up to which two values count as one: 16 times the spacing of float32. Kernels were seen
#: to differ by 1 to 3 of them; a network's figures are not known better than this.
ROUNDING = 2.0**-19
#: Below this some kernels of float32 give 0 and others do not.
TINY = float(np.finfo(np.float32).tiny)


def at_least(limit: float) -> float:
    """Return the smallest value that still counts as reaching a positive `limit`.

    Example:
        >>> bool(np.float32(0.8) - np.float32(1e-7) >= at_least(0.8)), 0.79 >= at_least(0.8)
        (True, False)
    """
    return limit * (1 - ROUNDING)


def beyond(limit: float) -> float:
    """Return the largest value that does not yet count as more than a positive `limit`.

    Example:
        >>> bool(np.float32(0.5) + np.float32(1e-7) > beyond(0.5)), 0.51 > beyond(0.5)
        (False, True)
    """
    return limit * (1 + ROUNDING)


def first_largest(values: Array) -> Array:
    """Return the place along the last axis of the first value that is the largest but for rounding.

    Args:
        values: [..., C] ≥ 0, of NumPy or PyTorch, C ≥ 1.

    Returns:
        int64 [...].

    Example:
        >>> first_largest(np.array([[0.2, 0.4, 0.4 + 1e-8], [0.6, 0.4, 0.0]])).tolist()
        [1, 0]
    """
    xp = array_api_compat.array_namespace(values)
    least = at_least(1.0) * xp.max(values, axis=-1, keepdims=True)
    return xp.argmax(xp.astype(xp.greater_equal(values, least), xp.int8), axis=-1)


def tie_groups(values: np.ndarray, spread: float = 0.0) -> np.ndarray:
    """Return numbers of groups, int64 [N], in the order of the values: what is equal but for rounding is one.

    A group reaches `ROUNDING` · |v| (at least `spread`) above its smallest value v, and no further however
    densely the values lie.

    Args:
        values: [N]; NaN is a group of its own, behind all others.
        spread: absolute difference up to which two values are one, for what comes near 0 by subtraction.

    Example:
        >>> tie_groups(np.array([0.5, 0.40625003, 0.40624997])).tolist()
        [1, 0, 0]
    """
    values, spread = np.asarray(values, dtype=np.float64), max(spread, TINY)
    # Whichever of equal values comes first, their group is the same: no stable sort, which takes longer.
    order = np.argsort(values)
    ordered = values[order]
    low, high = ordered[:-1], ordered[1:]
    with np.errstate(invalid="ignore"):
        reach = np.maximum(ROUNDING * np.minimum(np.abs(low), np.abs(high)), spread)
        alike = (high - low <= reach) | (low == high) | (np.isnan(low) & np.isnan(high))
        begins = np.concatenate([np.ones(min(1, len(ordered)), dtype=bool), ~alike])
        # Many values, each near the next, can reach far: such a chain is cut at steps from its beginning.
        if (alike & (low < high)).any():
            start = ordered[np.flatnonzero(begins)][np.cumsum(begins) - 1]
            steps = (ordered - start) / np.maximum(ROUNDING * np.abs(start), spread)
            piece = np.floor(np.nan_to_num(steps, nan=0.0, posinf=0.0))
            begins[1:] |= piece[1:] != piece[:-1]
    groups = np.empty(len(values), dtype=np.int64)
    groups[order] = np.cumsum(begins) - 1
    return groups
