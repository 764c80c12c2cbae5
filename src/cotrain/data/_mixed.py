"""A column from Python values that may be of several types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

_EXACT = 2**53


def column_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Return values as a column: of their type if they have one, else each as the text that a file has.

    Whole numbers and fractions are numbers together, unless a whole one would lose digits as a float.

    Example:
        >>> column_of("a", [1, "x", True, 2.5, None]).to_list()
        ['1', 'x', 'true', '2.5', None]
    """
    types = {type(value) for value in values if value is not None}
    if types == {int, float} and all(abs(value) < _EXACT for value in values if isinstance(value, int)):
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    if len(types) <= 1:
        try:
            column = pl.Series(name, values, dtype=None if types else pl.String, strict=True)
            if column.dtype != pl.Int128:
                return column
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # whole numbers beyond 64 bits, lists of several types
    return pl.Series(name, [None if value is None else _spelled(value) for value in values], dtype=pl.String)


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
