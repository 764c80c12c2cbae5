"""What a bootstrap draws: rows, groups of rows, or blocks of time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from cotrain._base import InvalidArgumentError

Unit = Literal["rows", "groups", "blocks of time"]

#: Parts of which one is left out at a time. From 100 of them the widths of intervals are the same to 3 %.
MOST_PARTS = 50


def unit_of(groups: np.ndarray | None, times: np.ndarray | None) -> Unit:
    """Return what is resampled as a whole.

    Raises:
        InvalidArgumentError: both are given.
    """
    if groups is not None and times is not None:
        raise InvalidArgumentError(
            "The bootstrap got groups and times: give one of them, that by which the rows were split."
        )
    return "rows" if groups is None and times is None else "groups" if times is None else "blocks of time"


def resampling_units(
    labelled: np.ndarray, groups: np.ndarray | None = None, times: np.ndarray | None = None
) -> np.ndarray:
    """Return which unit of resampling each labelled row belongs to, counted from 0.

    Rows that belong together, such as the visits of a patient, must be drawn together, or the interval is
    that of as many patients as there are rows (the cluster bootstrap of Davison and Hinkley, "Bootstrap
    Methods and Their Application", 1997). A series is cut into ⌈√N⌉ blocks of rows that follow one another
    (Carlstein, "The Use of Subseries Values for Estimating the Variance of a General Statistic from a
    Stationary Sequence", 1986, https://doi.org/10.1214/aos/1176350057); rows of one time stay in one block.
    Blocks of about √N rows are longer than the N^(1/3) that weak dependence asks for: fewer of them make the
    interval wider, which is the lesser evil.

    Args:
        labelled: [n] ascending row numbers.
        groups: [N] a value per row; equal values belong together.
        times: [N] a time per row that can be sorted.

    Returns:
        [n] int, without gaps.

    Raises:
        InvalidArgumentError: both are given, or values are missing or cannot be sorted.

    Example:
        >>> resampling_units(np.arange(4), groups=np.array(["b", "a", "b", "c"])).tolist()
        [1, 0, 1, 2]
        >>> resampling_units(np.arange(4), times=np.array([2021, 2020, 2022, 2023])).tolist()
        [0, 0, 1, 1]
    """
    unit = unit_of(groups, times)
    if unit == "rows":
        return np.arange(len(labelled))
    what = "groups" if groups is not None else "times"
    values = np.asarray(groups if groups is not None else times)[labelled]
    if values.dtype.kind == "O" and any(value is None for value in values):
        raise InvalidArgumentError(f"The bootstrap got {what} with None among them: leave these rows out.")
    try:
        _, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    except TypeError as error:
        raise InvalidArgumentError(
            f"The bootstrap got {what} that cannot be sorted, such as {values[0]!r}: give values of one type."
        ) from error
    if unit == "groups" or not len(values):
        return code
    first_row = np.concatenate([[0], np.cumsum(counts)[:-1]])
    block = first_row // math.ceil(math.sqrt(len(values)))
    return np.unique(block[code], return_inverse=True)[1]


def draw_rows(
    labelled: np.ndarray, units: np.ndarray, rng: np.random.Generator, *, how_many: int | None = None
) -> np.ndarray:
    """Return the rows of units drawn with replacement.

    Args:
        labelled: [n] row numbers.
        units: [n] from `resampling_units`.
        rng: draws.
        how_many: units to draw; default: as many as there are.

    Example:
        >>> rows = draw_rows(np.array([5, 6, 7]), np.array([0, 1, 1]), np.random.default_rng(0))
        >>> sorted(set(rows.tolist())) in ([5], [6, 7], [5, 6, 7])
        True
    """
    n_units = int(units.max()) + 1
    if n_units == len(labelled):
        return rng.choice(labelled, how_many or n_units)
    order = np.argsort(units, kind="stable")
    ends = np.cumsum(np.bincount(units))
    starts = ends - np.bincount(units)
    drawn = rng.integers(n_units, size=how_many or n_units)
    return np.concatenate([labelled[order[starts[unit] : ends[unit]]] for unit in drawn])


def leave_out_rows(labelled: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Return the rows that are left without each unit, or where there are more without each of 50 parts.

    Args:
        labelled: [n] row numbers.
        units: [n] from `resampling_units`.
        rng: says which units are one part.

    Example:
        >>> rows = leave_out_rows(np.array([5, 6, 7]), np.array([0, 1, 1]), np.random.default_rng(0))
        >>> sorted(left.tolist() for left in rows)
        [[5], [6, 7]]
    """
    n_units = int(units.max()) + 1
    n_parts = min(n_units, MOST_PARTS)
    part = rng.permutation(np.arange(n_units) % n_parts)[units]
    for number in range(n_parts):
        yield labelled[part != number]
