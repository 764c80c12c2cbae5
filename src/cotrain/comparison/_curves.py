"""How the validation values of a fit went, few enough points to keep with its cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

#: Points of a curve at most: a picture of a hand's width shows no more.
MOST_POINTS = 50

#: Pairs of an epoch, counted from 1, and the value of the selecting metric on the validation rows.
Curve = list[tuple[int, float]]


def curves_of(history: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Return task -> its learning curve, thinned evenly; the last epoch is always there.

    Values are rounded to five digits, and those that are undefined left out.

    Args:
        history: a record for each epoch, see `FitResult`.

    Example:
        >>> curves_of([{"epoch": epoch, "validation": {"sold": epoch / 3}} for epoch in range(3)])
        {'sold': [(1, 0.0), (2, 0.33333), (3, 0.66667)]}
    """
    every = -(-len(history) // MOST_POINTS) if history else 1
    # Counted from the end, so that it is the last epoch that is there in any case.
    kept = list(history)[::-1][::every][::-1]
    found: dict[str, Curve] = {}
    for record in kept:
        for task, value in record.get("validation", {}).items():
            if math.isfinite(value):
                found.setdefault(task, []).append((record["epoch"] + 1, float(f"{value:.5g}")))
    return found
