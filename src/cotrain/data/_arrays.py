"""NumPy arrays as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._mixed import column_of
from cotrain.data._nested import is_nested

#: Units of times that polars takes as they are.
_TIMES = ("D", "ms", "us", "ns")


def is_arrays(source: Any) -> bool:
    """Whether this is an array, a pair (X, y), or a mapping of names to arrays.

    Example:
        >>> is_arrays(np.zeros((2, 3))), is_arrays((np.zeros((2, 3)), [0, 1])), is_arrays("table.csv")
        (True, True, False)
    """
    if isinstance(source, tuple):
        return len(source) == 2 and all(_is_array(part) or isinstance(part, list) for part in source)
    if isinstance(source, Mapping):
        return bool(source) and all(_is_array(part) or isinstance(part, list) for part in source.values())
    return isinstance(source, np.ndarray)


def arrays_to_polars(source: Any, targets: Sequence[str] = ()) -> pl.DataFrame:
    """Return arrays as a table.

    Args:
        source: X [N, D], whose columns are named "0" to "D-1", or a structured array; a pair (X, y) with
            y [N] or [N, T]; or a mapping of names to arrays, where `name` [N, D] gives name_0 to name_{D-1},
            and to lists of N cells. What a masked array hides is missing.
        targets: names of the columns of y; default "y", or y_0 to y_{T-1}.

    Raises:
        DataError: the lengths differ, or an array has more than two axes.

    Example:
        >>> arrays_to_polars((np.zeros((2, 2)), np.array([0, 1])), ["sold"]).columns
        ['0', '1', 'sold']
    """
    if isinstance(source, Mapping):
        parts = [
            _columns(_cells(values) if _is_nested(values) else np.asanyarray(values), str(name))
            for name, values in source.items()
        ]
    elif isinstance(source, tuple):
        x, y = source
        if _is_ragged(x):
            raise DataError(
                "The rows of X have different lengths: give every row as many numbers, or a frame."
            )
        parts = [
            _columns(np.asanyarray(x), ""),
            _named(_cells(y) if _is_ragged(y) else np.asanyarray(y), targets),
        ]
    else:
        parts = [_columns(source, "")]
    columns = [column for part in parts for column in part]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise DataError(f"The arrays have different numbers of rows: {sorted(lengths)}.")
    twice = {column.name for column in columns if sum(other.name == column.name for other in columns) > 1}
    if twice:
        raise DataError(f"The arrays give two columns of the name {min(twice)!r}: name them in a dict.")
    return pl.DataFrame(columns)


def _is_array(part: Any) -> bool:
    return isinstance(part, np.ndarray)


def _is_nested(values: Any) -> bool:
    return isinstance(values, list) and any(is_nested(value) for value in values)


def _cells(values: Sequence[Any]) -> np.ndarray:
    """Return an array [N] of whatever cells there are."""
    cells = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        cells[row] = value
    return cells


def _is_ragged(values: Any) -> bool:
    """Whether the cells are lists of different length, such as of tags."""
    lengths = (len(value) if is_nested(value) else -1 for value in values if isinstance(values, list))
    return len(set(lengths)) > 1


def _named(y: np.ndarray, targets: Sequence[str]) -> list[pl.Series]:
    columns = _columns(y, "y")
    if targets and len(targets) != len(columns):
        raise DataError(
            f"y has {len(columns)} columns, but the tasks have {len(targets)} target columns "
            f"({', '.join(targets)}): give y one column for each, in this order."
        )
    return [
        column.alias(name) for column, name in zip(columns, targets or [c.name for c in columns], strict=True)
    ]


def _columns(array: np.ndarray, name: str) -> list[pl.Series]:
    if array.dtype.names:
        return [_series(field, array[field]) for field in array.dtype.names]
    if array.ndim == 1:
        return [_series(name or "0", array)]
    if array.ndim != 2:
        raise DataError(
            f"An array of the shape {array.shape} is no table: give one or two axes, or a Dataset of tensors."
        )
    return [_series(f"{name}_{i}" if name else str(i), array[:, i]) for i in range(array.shape[1])]


def _series(name: str, values: np.ndarray) -> pl.Series:
    if np.ma.isMaskedArray(values):
        hidden, values = np.ma.getmaskarray(values), np.asarray(values)
        if hidden.any():
            shown = _series(name, values)
            return pl.select(pl.when(pl.Series(~hidden)).then(shown).alias(name)).to_series()
    if values.dtype.kind in "OUS":
        return column_of(name, [_plain(value) for value in values.tolist()])
    if values.dtype.kind in "cV":
        raise DataError(
            f"The array of the column {name!r} holds {values.dtype}, of which no column is made: give real "
            "numbers, texts or dates, such as real and imaginary parts as two columns."
        )
    if values.dtype.kind in "mM" and np.datetime_data(values.dtype)[0] not in _TIMES:
        values = values.astype(f"{values.dtype.kind}8[us]")
    elif values.dtype == np.longdouble:
        values = values.astype(np.float64)
    return pl.Series(name, np.ascontiguousarray(values))


def _plain(value: Any) -> Any:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value
