"""NumPy arrays as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._mixed import column_of


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
            y [N] or [N, T]; or a mapping of names to arrays, where `name` [N, D] gives name_0 to name_{D-1}.
        targets: names of the columns of y; default "y", or y_0 to y_{T-1}.

    Raises:
        DataError: the lengths differ, or an array has more than two axes.

    Example:
        >>> arrays_to_polars((np.zeros((2, 2)), np.array([0, 1])), ["sold"]).columns
        ['0', '1', 'sold']
    """
    if isinstance(source, Mapping):
        parts = [_columns(np.asarray(values), str(name)) for name, values in source.items()]
    elif isinstance(source, tuple):
        x, y = (np.asarray(part) for part in source)
        parts = [_columns(x, ""), _named(y, targets)]
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
    if values.dtype.kind in "OUS":
        return column_of(name, [_plain(value) for value in values.tolist()])
    return pl.Series(name, np.ascontiguousarray(values))


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value
