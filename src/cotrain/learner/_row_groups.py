"""Rows by the value that they have in a column."""

from __future__ import annotations

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError, did_you_mean

#: More groups are no table that anybody reads.
MOST_GROUPS = 1000
MISSING = "(missing)"


def rows_by_value(frame: pl.DataFrame, column: str) -> dict[str, np.ndarray]:
    """Return value -> numbers of its rows, the most frequent value first; empty cells are "(missing)".

    Raises:
        DataError: the column is absent.
        InvalidArgumentError: it has more than 1000 different values, or holds lists or files.

    Example:
        >>> found = rows_by_value(pl.DataFrame({"city": ["b", "a", None, "a"]}), "city")
        >>> {value: rows.tolist() for value, rows in found.items()}
        {'a': [1, 3], '(missing)': [2], 'b': [0]}
    """
    if column not in frame.columns:
        raise DataError(f"by={column!r} is not a column of the table; {did_you_mean(column, frame.columns)}")
    values = frame[column]
    if values.dtype.is_nested() or values.dtype in (pl.Object, pl.Binary):
        raise InvalidArgumentError(
            f"by={column!r}: the column holds {values.dtype}, expected one value a row."
        )
    n_groups = values.n_unique()
    if n_groups > MOST_GROUPS:
        raise InvalidArgumentError(
            f"by={column!r}: the column has {n_groups} different values, at most {MOST_GROUPS} are shown: "
            "take one with fewer."
        )
    names = np.array([MISSING if value is None else str(value) for value in values.to_list()], dtype=object)
    kinds, numbers, counts = np.unique(names.astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(kinds[kind]): np.flatnonzero(numbers == kind) for kind in order}
