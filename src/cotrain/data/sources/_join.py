"""Several tables as one: their diagonal concatenation with nulls, and the source of every row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import DataError, Tables, did_you_mean
from cotrain.data._missing import Missing
from cotrain.data._read import is_paths_of_one, read_tables
from cotrain.data._row_numbers import row_numbers
from cotrain.data._schema import ColumnChoice
from cotrain.data._table import MissingWords, TypedTable
from cotrain.data.sources._join_column import join_column
from cotrain.data.sources._row_sources import RowSources

#: Name of the column that says which source a row comes from, where nobody gave it another one.
SOURCE = "source"
#: Source -> its table or the path of one.
Sources = Mapping[str, Any]


def read_sources(
    data: Any,
    source: str | None = None,
    *,
    query: str | None = None,
    missing: Missing | MissingWords = None,
    types: Mapping[str, str] | None = None,
    kinds: Mapping[str, ColumnChoice] | None = None,
    targets: Sequence[str] = (),
    known: Mapping[str, Collection[str]] | None = None,
) -> TypedTable:
    """Read one table, or several as one.

    Of several tables every row of each is a row; a column that a table lacks is empty in its rows, and one
    column more says which table a row comes from. Types are inferred on all rows together, as if one table
    had been written by hand.

    Args:
        data: whatever `TypedTable.read` takes; or source -> that.
        source: name of the column that says where a row comes from. For several tables the column that is
            made, default "source"; for one table a column that it has already.
        query: for a database: a SELECT statement or the name of a table.
        missing: words that mean "nothing", see `Missing`.
        types: column -> type that it has in training; other columns get the type that their cells spell.
        kinds: column -> kind that the user has chosen for it; with one, a column may hold numbers in one
            table and text in another, or lists and text.
        targets: names for the columns of `y`, where a table is a pair of arrays (X, y).
        known: source -> input columns that it had in training, and must have now.

    Raises:
        DataError: a table cannot be read, a source lacks a column that it had, a column is numbers in one and
            text in another, the name of the source column is taken or absent, or words of `missing` are for a
            column that there is not.

    Example:
        >>> tags = pl.DataFrame({"words": ["a b"], "tag": ["N V"]})
        >>> reviews = pl.DataFrame({"words": ["c", "d"], "stars": [5, 1]})
        >>> table = read_sources({"tags": tags, "reviews": reviews})
        >>> table.frame.columns, table.source
        (['words', 'tag', 'stars', 'source'], 'source')
        >>> table.frame["stars"].to_list(), table.frame["source"].to_list()
        ([None, 5, 1], ['tags', 'reviews', 'reviews'])
    """
    words = missing if isinstance(missing, Missing) else Missing(missing)
    if not isinstance(data, Mapping):
        table = TypedTable.read(data, query, missing=words, types=types, targets=targets)
        if types is None and not isinstance(data, TypedTable):
            words.require(table.frame.columns)
        if source is None or types is not None:
            return table
        if source not in table.frame.columns:
            raise DataError(
                f"The source column {source!r} is no column of the table; "
                f"{did_you_mean(source, table.frame.columns)}"
            )
        return table.from_source(source)
    read = {name: _read_named(name, part, targets) for name, part in require_sources(data).items()}
    frames = {name: frame for name, (frame, _) in read.items()}
    require_columns(frames, known or {})
    if types is None:
        words.require(list(dict.fromkeys(column for frame in frames.values() for column in frame.columns)))
    table = join_frames(
        list(frames.items()), source or SOURCE, missing=words, types=types or {}, kinds=kinds or {}
    )
    table.tables = tuple(one for _, tables in read.values() for one in tables)
    return table


def join_frames(
    frames: Sequence[tuple[str, pl.DataFrame]],
    source: str | None,
    *,
    missing: Missing,
    types: Mapping[str, str],
    kinds: Mapping[str, ColumnChoice],
) -> TypedTable:
    """Return tables below one another, typed together.

    Args:
        frames: (source, cells) each; a source may come several times, as its training and its test rows do.
        source: name of the column that is made of the sources' names; `None`: none is made.
        missing: words that mean "nothing".
        types: column -> type that it has in training.
        kinds: column -> kind that the user has chosen for it.

    Raises:
        DataError: columns do not go together, or a table has a column of the name `source`.
    """
    for name, frame in frames:
        if source is not None and source in frame.columns:
            raise DataError(
                f"Source {name!r} has a column {source!r}, which is the name of the column that says where a "
                "row comes from: rename it there, or give that column another name (source: in the "
                "configuration, Learner(source=...))."
            )
    columns = []
    for column in dict.fromkeys(name for _, frame in frames for name in frame.columns):
        parts = [(name, frame[column] if column in frame.columns else frame.height) for name, frame in frames]
        columns.append(join_column(column, parts, missing, types.get(column), choice=kinds.get(column)))
    table = TypedTable.settled(pl.DataFrame(columns), missing, types)
    table.numbered = row_numbers(table.frame, [frame.height for _, frame in frames])
    if source is None:
        return table
    names = pl.concat([pl.repeat(name, frame.height, eager=True) for name, frame in frames]).alias(source)
    frame = table.frame.with_columns(names.cast(pl.String))
    return TypedTable(
        frame,
        {**table.types, source: "text"},
        missing,
        table.blanked,
        source=source,
        numbered=table.numbered,
    )


def require_sources(data: Sources) -> Sources:
    """Return a mapping of tables if it is one.

    Raises:
        DataError: it is empty, a name is no text, or its values are columns and no tables.
    """
    if not data:
        raise DataError("There is no source: expected a mapping of a name to a table each, got an empty one.")
    if type(data).__name__ == "DatasetDict":
        raise DataError(
            f"A DatasetDict ({', '.join(map(str, data))}) holds the parts of one data set, not several "
            f"sources: give one of them, such as data[{next(iter(data))!r}]."
        )
    for name in data:
        if not isinstance(name, str) or not name.strip() or name != name.strip():
            raise DataError(f"A source is named {name!r}: names must be text without spaces around it.")
    columns = [name for name, part in data.items() if _is_column(part)]
    if columns:
        raise DataError(
            f"A mapping is one of sources, each of them a table, and {columns[0]!r} is a single column: give "
            "the columns as one table, such as polars.DataFrame(data) or pandas.DataFrame(data)."
        )
    return data


def _is_column(part: Any) -> bool:
    """Whether this is the cells of one column, and not a table or the path of one."""
    if isinstance(part, np.ndarray):
        return part.ndim == 1 and not part.dtype.names
    return (isinstance(part, list) and not is_paths_of_one(part)) or hasattr(part, "to_list")


def require_columns(frames: Mapping[str, pl.DataFrame], known: Mapping[str, Collection[str]]) -> None:
    """Raise `DataError` if a source lacks a column that it had in training.

    Args:
        frames: source -> its table.
        known: source -> the input columns that it had.
    """
    for name, frame in frames.items():
        absent = [column for column in known.get(name, ()) if column not in frame.columns]
        if absent:
            spare = [column for column in frame.columns if column not in known[name]]
            hint = did_you_mean(absent[0], spare)
            raise DataError(
                f"Source {name!r} lacks the input column{'s' * (len(absent) > 1)} "
                f"{', '.join(map(repr, absent))}, which it had in training"
                + (f"; {hint}" if hint.startswith("did you mean") else ".")
            )


def columns_of_sources(table: TypedTable, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return source -> those of the columns that have a value in its rows; nothing where there is one.

    Example:
        >>> table = read_sources({"a": pl.DataFrame({"x": [1]}), "b": pl.DataFrame({"x": [2], "y": [3]})})
        >>> columns_of_sources(table, ["x", "y"])
        {'a': ['x'], 'b': ['x', 'y']}
    """
    if table.source is None:
        return {}
    parts = table.frame.partition_by(table.source, as_dict=True, maintain_order=True)
    return {
        str(name): [column for column in columns if part[column].null_count() < part.height]
        for (name,), part in parts.items()
    }


def rows_of_sources(table: TypedTable) -> dict[str, np.ndarray]:
    """Return source -> its row numbers, ascending; nothing where there is one.

    Example:
        >>> table = read_sources({"a": pl.DataFrame({"x": [1]}), "b": pl.DataFrame({"x": [2, 3]})})
        >>> {name: rows.tolist() for name, rows in rows_of_sources(table).items()}
        {'a': [0], 'b': [1, 2]}
    """
    return {} if table.source is None else RowSources.of(table.frame[table.source]).rows()


def _read_named(name: str, part: Any, targets: Sequence[str]) -> tuple[pl.DataFrame, Tables]:
    """Return the cells of a source, and what its tables are called."""
    if isinstance(part, TypedTable):
        return part.frame, [(f"source {name!r}", part.height)]
    if isinstance(part, Mapping) or (hasattr(part, "__getitem__") and _is_torch_dataset(part)):
        raise DataError(
            f"Source {name!r} is {type(part).__name__}: expected a table or the path of one for each source."
        )
    try:
        frame, files = read_tables(part, targets=targets)
    except DataError as error:
        raise DataError(f"Source {name!r}: {error}") from error
    return frame, files or [(f"source {name!r}", frame.height)]


def _is_torch_dataset(part: Any) -> bool:
    return any(base.__module__.startswith("torch.") for base in type(part).__mro__)
