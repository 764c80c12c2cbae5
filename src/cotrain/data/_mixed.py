"""A column from Python values that may be of several types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from cotrain.data._nested import EXACT, is_nested, nested_column, spelled


def column_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Return values as a column: of their type if they have one, else each as the text that a file has.

    Whole numbers and fractions are numbers together, unless a whole one would lose digits as a float; so they
    are within lists and mappings.

    Example:
        >>> column_of("a", [1, "x", True, 2.5, None]).to_list()
        ['1', 'x', 'true', '2.5', None]
        >>> column_of("a", [[0, 1], [0.5, 2.5]]).to_list()
        [[0.0, 1.0], [0.5, 2.5]]
    """
    types = {type(value) for value in values if value is not None}
    if types == {int, float} and all(abs(value) < EXACT for value in values if isinstance(value, int)):
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    if any(is_nested(value) for value in values):
        column = nested_column(name, values)
        if column is not None:
            return column
    elif len(types) <= 1:
        try:
            column = pl.Series(name, values, dtype=None if types else pl.String, strict=True)
            if column.dtype != pl.Int128:
                return column
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # whole numbers beyond 64 bits
    return pl.Series(name, [None if value is None else spelled(value) for value in values], dtype=pl.String)
