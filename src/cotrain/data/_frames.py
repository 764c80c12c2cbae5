"""Tables at the border: any frame that narwhals reads comes in as polars and goes out as it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import narwhals as nw
import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._foreign_types import arrow_to_polars, plain_types
from cotrain.data._mixed import column_of
from cotrain.data._nested import is_nested

#: Values that a file can hold; others, such as dates, have types of their own.
_PLAIN = {str, int, float, bool, type(None)}

T = TypeVar("T")


def to_polars(frame: Any) -> pl.DataFrame:
    """Return a frame of any kind that narwhals reads (polars, pandas, pyarrow, ...) as polars.

    A pandas frame is read column by column, so pyarrow is not needed; NaN, NaT and None become null. Types
    that polars has not become those that it has, see `plain_types`. Column
    names that are whole numbers become text. A Hugging Face data set is read as the table that it is. A list
    of mappings, column -> value, has a row for each, and nothing where one lacks a column.

    Args:
        frame: the table; a lazy one is collected.

    Raises:
        DataError: `frame` is not a table, or a column name is used twice or is no string.

    Example:
        >>> to_polars(pl.DataFrame({"a": [1, 2]}).lazy()).shape
        (2, 1)
    """
    if isinstance(frame, pl.DataFrame):
        return plain_types(frame)
    if isinstance(frame, list | tuple) and frame and all(isinstance(row, Mapping) for row in frame):
        return plain_types(_of_rows(frame))
    frame = _plain_frame(frame)
    names = _names(frame)
    require_unique(names, "the table")
    try:
        wrapped = nw.from_native(frame)
    except TypeError as error:
        raise DataError(
            "Expected a table (polars, pandas, pyarrow or another frame that narwhals reads, a list of "
            f"mappings, or a path), got {type(frame).__name__}."
        ) from error
    if isinstance(wrapped, nw.LazyFrame):
        wrapped = wrapped.collect()
    if wrapped.implementation.is_pandas_like():
        return plain_types(pl.DataFrame([_pandas_column(wrapped[name]) for name in wrapped.columns]))
    if wrapped.implementation.is_pyarrow():
        return plain_types(arrow_to_polars(wrapped.to_native()))
    return plain_types(wrapped.to_native() if wrapped.implementation.is_polars() else wrapped.to_polars())


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


def frame_like(frame: pl.DataFrame, like: Any, filled: Mapping[str, np.ndarray]) -> Any:
    """Return `like` with cells and columns of `frame` put in; all else of it stays as it is, names included.

    Args:
        frame: as many rows as `like`.
        like: a frame of the caller's own, or anything else (gives `frame`).
        filled: column of both -> [N] bool, the cells to take from `frame`. What `like` lacks is taken whole.

    Example:
        >>> import pandas as pd
        >>> like = pd.DataFrame({0: ["a", None]}, index=["x", "y"])
        >>> frame = pl.DataFrame({"0": ["a", "b"], "source": ["given", "predicted"]})
        >>> frame_like(frame, like, {"0": np.array([False, True])}).loc["y"].to_dict()
        {0: 'b', 'source': 'predicted'}
    """
    wrapped = nw.from_native(_plain_frame(like), pass_through=True)
    if not isinstance(wrapped, nw.DataFrame) or wrapped.implementation.is_polars():
        return frame
    changed = [name for name, cells in filled.items() if cells.any()]
    added = [name for name in frame.columns if name not in wrapped.columns]
    made = from_polars_like(frame.select(*changed, *added), like)
    if hasattr(like, "iloc"):
        result = like.copy()
        own = {text_name(name): name for name in like.columns}
        for name in changed:
            cells = frame[name].filter(pl.Series(filled[name])).to_list()
            result[own[name]] = _pandas_filled(like[own[name]], np.flatnonzero(filled[name]), cells)
        for name in added:
            result[name] = made[name]
        return result
    new = nw.from_native(made, eager_only=True)
    typed = [new[name].cast(wrapped[name].dtype) for name in changed]
    return wrapped.with_columns(*typed, *(new[name] for name in added)).to_native()


def text_name(name: object) -> object:
    """Return the name of a column as it is known here: a whole number as text.

    Example:
        >>> text_name(3), text_name("3"), text_name(1.5)
        ('3', '3', 1.5)
    """
    return str(name) if _is_whole(name) else name


def with_text_names(named: Mapping[Any, T]) -> dict[str, T]:
    """Return what is said of columns with their names as text, such as a row of a frame that numbers them.

    Raises:
        DataError: a name is neither text nor a whole number, or two become one.
    """
    names = [text_name(name) for name in named]
    require_unique(names, "the mapping")
    return {str(name): value for name, value in zip(names, named.values(), strict=True)}


def native_columns(frame: Any) -> dict[str, Any]:
    """Return name -> column of a pandas frame, as pandas holds them; of any other frame nothing."""
    return {str(text_name(name)): frame[name] for name in frame.columns} if hasattr(frame, "iloc") else {}


def numbered_names(frame: Any) -> list[str]:
    """Return the column names of a frame, or of a mapping of frames, that were numbers and are text here."""
    if isinstance(frame, Mapping):
        return list(dict.fromkeys(name for part in frame.values() for name in numbered_names(part)))
    names = frame.columns if hasattr(frame, "iloc") else []
    return [str(name) for name in names if _is_whole(name)]


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
        named = f"T{table[1:]}" if table.startswith("the ") else table  # not the path of a file
        raise DataError(
            f"{named} has more than one column named {shown}: rename them (in SQL with AS) or leave one out."
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
        renamed.columns = [text_name(name) for name in columns]
        return renamed
    return frame


def _of_rows(rows: Sequence[Mapping[Any, Any]]) -> pl.DataFrame:
    """Return mappings, column -> value, as a table; NaN is missing, as in pandas."""
    named = [with_text_names(row) for row in rows]
    names = dict.fromkeys(name for row in named for name in row)
    return pl.DataFrame([column_of(name, [_cell(row.get(name)) for row in named]) for name in names])


def _cell(value: Any) -> Any:
    """Return a value of NumPy as one of Python's, and NaN, NaT and NA as None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist() if isinstance(value, np.ndarray) else value.item()
    if value is None or isinstance(value, list | dict | str | bytes):
        return value
    return None if type(value).__name__ in ("NAType", "NaTType") or value != value else value


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
    if getattr(series.to_native(), "dtype", None) == np.longdouble:
        # polars has no such type, where it is longer than another.
        return pl.Series(series.name, series.to_numpy().astype(np.float64), nan_to_null=True)
    dtype = series.dtype
    if dtype.is_numeric() and not series.is_null().any():
        return pl.Series(series.name, np.ascontiguousarray(series.to_numpy()))
    if dtype.is_float():
        # In its own precision, so that .1 in single precision is spelled .1 beside a missing cell, too.
        return pl.Series(series.name, series.to_numpy(), nan_to_null=True)
    values = series.to_list()
    if dtype != nw.String:
        values = [_as_list(value) for value in values]
    missing = series.is_null()  # of any kind: None, NaN, NaT, NA
    if missing.any():
        values = [None if gone else value for value, gone in zip(values, missing.to_list(), strict=True)]
    if dtype == nw.String:
        return pl.Series(series.name, values, dtype=pl.String)
    if dtype == nw.Categorical or dtype == nw.Enum:
        values = [None if value is None else str(value) for value in values]
        return pl.Series(series.name, values, dtype=pl.String)
    if any(is_nested(value) for value in values):
        return column_of(series.name, values)
    if dtype == nw.Object and {type(value) for value in values} <= _PLAIN:
        return column_of(series.name, values)
    try:
        return pl.Series(series.name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        # An object column of mixed values has no type of its own; text is the one that holds them all.
        return column_of(series.name, values)


def _as_list(value: object) -> object:
    """Return an array in a cell, which is how a frame of Arrow's lists comes to pandas, as a list."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _pandas_filled(column: Any, places: np.ndarray, cells: list[Any]) -> Any:
    """Return a pandas column with these cells put in, of its own type where that has room for them."""
    filled = column.copy()
    if hasattr(filled, "cat"):
        known = {str(value): value for value in filled.cat.categories}
        cells = [known.get(cell, cell) for cell in cells]
        filled = filled.cat.add_categories([cell for cell in dict.fromkeys(cells) if str(cell) not in known])
    try:
        typed = type(column)(cells).astype(filled.dtype)
    except (TypeError, ValueError):
        filled, typed = filled.astype(object), type(column)(cells, dtype=object)
    filled.iloc[places] = typed.to_numpy() if typed.dtype == object else typed.array
    return filled
