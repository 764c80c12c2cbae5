"""Which rows of a fit belong together: those of a group, or of a block of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from cotrain.evaluation._resampling_units import resampling_units
from cotrain.training import Examples


def with_units(rows: Examples, dependence: Mapping[str, np.ndarray], first: int = 0) -> tuple[Examples, int]:
    """Return rows that know which of them belong together, and the number after the last unit's.

    Args:
        rows: N rows.
        dependence: `groups` or `times` of the first rows, see `Split.dependence`; those that follow, which
            have no label, stand for themselves, and so do those of group −1. Nothing: the rows are returned
            as they are.
        first: number of the first unit.

    Example:
        >>> rows = Examples({"x": torch.zeros(3, 1)}, {}, {})
        >>> with_units(rows, {"groups": np.array([7, 7])}, 5)[0].units.tolist()
        [5, 5, -1]
    """
    if not dependence:
        return rows, first
    known = np.arange(len(next(iter(dependence.values()))))
    if "groups" in dependence:
        known = known[dependence["groups"] >= 0]
    numbers = first + resampling_units(known, **dependence)
    units = torch.full((len(rows),), -1, dtype=torch.int64)
    units[known] = torch.from_numpy(numbers)
    return replace(rows, units=units), int(numbers.max(initial=first - 1)) + 1
