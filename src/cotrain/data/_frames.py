"""Tables at the border: any frame that narwhals reads comes in as polars and goes out as it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._mixed import column_of

#: Values that a file can hold; others, such as dates, have types of their own.
_PLAIN = {str, int, float, bool, type(None)}


def to_polars(frame: Any) -> pl.DataFrame:
    """Return a frame of any kind that narwhals reads (polars, pandas, pyarrow, ...) as polars.

    A pandas frame is read column by column, so pyarrow is not needed; NaN, NaT and None become null. Column
    names that are whole numbers become text. A Hugging Face data set is read as the table that it is.

    Args:
        frame: the table; a lazy one is collected.

    Raises:
        DataError: `frame` is not a table, or a column name is used twice or is no string.

    Example:
        >>> to_polars(pl.DataFrame({"a": [1, 2]}).lazy()).shape
        (2, 1)
    """
    if isinstance(frame, pl.DataFrame):
        return frame
    frame = _plain_frame(frame)
    names = _names(frame)
    require_unique(names, "the table")
    try:
        wrapped = nw.from_native(frame)
    except TypeError as error:
        raise DataError(
            f"Expected a table (polars, pandas, pyarrow or another frame that narwhals reads, or a path), "
            f"got {type(frame).__name__}."
        ) from error
    if isinstance(wrapped, nw.LazyFrame):
        wrapped = wrapped.collect()
    if wrapped.implementation.is_polars():
        return wrapped.to_native()
    if not wrapped.implementation.is_pandas_like():
        return wrapped.to_polars()
    return pl.DataFrame([_pandas_column(wrapped[name]) for name in wrapped.columns])


def from_polars_like(frame: pl.DataFrame, like: Any) -> Any:
    """Return `frame` as a frame of the kind of `like`; with a pandas frame of as many rows, on its index.

    Args:
        frame: the table to hand out.
        like: a frame of the caller's own, or a path (gives polars).

    Example:
        >>> type(from_polars_like(pl.DataFrame({"a": [1]}), "table.csv")).__module__.split(".")[0]
        'polars'
    """
    wrapped = nw.from_native(like, pass_through=True)
    if not isinstance(wrapped, nw.DataFrame) or wrapped.implementation.is_polars():
        return frame
    columns: dict[str, Any] = {}
    for name in frame.columns:
        series = frame[name]
        plain = series.dtype.is_numeric() and not series.null_count()
        columns[name] = series.to_numpy() if plain else series.to_list()
    result = nw.from_dict(columns, backend=wrapped.implementation)
    native: Any = result.to_native()
    index = nw.maybe_get_index(wrapped)
    if index is not None and len(wrapped) == frame.height:
        native.index = index
    return native


def require_unique(names: Sequence[object], table: str) -> None:
    """Raise `DataError` if a column name is used twice or is not a string.

    Args:
        names: the column names.
        table: what they are the columns of, for the sentence.
    """
    for name in names:
        if not isinstance(name, str):
            raise DataError(
                f"A column of {table} is named {name!r} ({type(name).__name__}): names must be strings: "
                "frame.columns = frame.columns.map(str) makes them so."
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(repr(name) for name in twice[:10])
        raise DataError(
            f"{table[0].upper()}{table[1:]} has more than one column named {shown}: "
            "rename them (in SQL with AS) or leave one out."
        )


def _plain_frame(frame: Any) -> Any:
    """Return the frame behind a data set, with names that are text where they were whole numbers."""
    if hasattr(frame, "features") and hasattr(frame, "with_format"):
        if not hasattr(frame, "__len__") or not hasattr(frame, "column_names"):
            raise DataError(
                "A streamed data set cannot be held as a table: load it without streaming, or take(n)."
            )
        return frame.with_format("arrow")[:]
    if isinstance(frame, dict) and frame and all(hasattr(part, "with_format") for part in frame.values()):
        raise DataError(
            f"A dict of data sets ({', '.join(map(str, frame))}) is no table: give one of them, such as "
            f"data[{next(iter(frame))!r}]."
        )
    columns = None if isinstance(frame, pl.LazyFrame) else getattr(frame, "columns", None)
    if hasattr(frame, "iloc") and columns is not None and any(_is_whole(name) for name in columns):
        renamed = frame.copy(deep=False)
        renamed.columns = [str(name) if _is_whole(name) else name for name in columns]
        return renamed
    return frame


def _is_whole(name: object) -> bool:
    return isinstance(name, int | np.integer) and not isinstance(name, bool)


def _names(frame: Any) -> list[object]:
    # Read before narwhals does, which would refuse a duplicate in words of its own.
    if isinstance(frame, pl.LazyFrame):
        return list(frame.collect_schema().names())
    columns = getattr(frame, "columns", [])
    names = getattr(frame, "column_names", None)  # pyarrow, whose `columns` are arrays
    if names is not None:
        return list(names)
    return list(columns)


def _pandas_column(series: nw.Series) -> pl.Series:
    dtype = series.dtype
    if dtype.is_numeric() and not series.is_null().any():
        return pl.Series(series.name, np.ascontiguousarray(series.to_numpy()))
    if dtype.is_float():
        return pl.Series(series.name, series.to_numpy().astype(np.float64), nan_to_null=True)
    values = [None if _is_missing(value) else value for value in series.to_list()]
    if dtype == nw.Categorical or dtype == nw.Enum or dtype == nw.String:
        values = [None if value is None else str(value) for value in values]
        return pl.Series(series.name, values, dtype=pl.String)
    if dtype == nw.Object and {type(value) for value in values} <= _PLAIN:
        return column_of(series.name, values)
    try:
        return pl.Series(series.name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        # An object column of mixed values has no type of its own; text is the one that holds them all.
        return column_of(series.name, values)


def _is_missing(value: object) -> bool:
    # NaN and pandas' NaT differ from themselves; pandas' NA gives neither true nor false.
    if value is None or type(value).__name__ == "NAType":
        return True
    return (isinstance(value, float | np.floating) and value != value) or type(value).__name__ == "NaTType"
