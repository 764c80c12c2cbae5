"""Columns that number the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

#: In fewer rows whole numbers may rise one by one by chance.
LEAST = 20
WHY = "a row number: each value is one more than the last"


def row_numbers(frame: pl.DataFrame, heights: Sequence[int] | None = None) -> tuple[str, ...]:
    """Return the columns of whole numbers of which each is one more than the one before it.

    They say where a row stands in its file. That is no input: other rows have other places, and where the
    file is sorted by a target its places tell the labels. In some of the rows, such as those of training,
    one cannot see it any more.

    Args:
        frame: settled columns, all rows in their order.
        heights: rows of each table of which the frame is made, one below the other; `None`: it is one. A
            table that lacks the column says nothing.

    Example:
        >>> frame = pl.DataFrame({"row": range(30), "x": [1, 2] * 15})
        >>> row_numbers(frame), row_numbers(frame[::2])
        (('row',), ())
    """
    sizes = [frame.height] if heights is None else list(heights)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    found = []
    for series in frame.iter_columns():
        if not series.dtype.is_integer():
            continue
        parts = [series.slice(start, size) for start, size in zip(starts, sizes, strict=True)]
        parts = [part for part in parts if part.null_count() < len(part)]
        if max(map(len, parts), default=0) > LEAST and all(_rises(part) for part in parts):
            found.append(series.name)
    return tuple(found)


def _rises(values: pl.Series) -> bool:
    return not values.null_count() and bool((values.diff().drop_nulls() == 1).all())
