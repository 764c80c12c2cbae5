"""A table whose columns have been typed, once, by the same rules for every source."""

from __future__ import annotations

import base64
import copy
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import polars as pl

from cotrain._base import DataError, Tables
from cotrain.data._durations import in_seconds
from cotrain.data._missing import Missing, Word
from cotrain.data._read import read_tables
from cotrain.data._row_numbers import row_numbers
from cotrain.data._spelling import (
    TYPES,
    settle_as,
    settle_numbers,
    settle_text,
    settle_times,
    type_of,
)
from cotrain.data.columns._word_lists import spell_lists

#: Key under which a file of ours says which types its columns have.
_METADATA = "cotrain.table"
#: What `missing=` may be: one list, or column -> list.
MissingWords = Sequence[Word] | Mapping[str, Sequence[Word]] | None


@final
class TypedTable:
    """A frame, the types of its columns, and what counted as missing.

    Numbers in text are numbers, whole numbers integers, ISO dates dates, whatever the source calls them, so
    that the same cells give the same table as a frame of any kind, as CSV, Parquet, JSON lines or SQLite.

    Args:
        frame: settled columns: Int64, Float64, Boolean, Date, Datetime (UTC), String, lists.
        types: column -> one of `TYPES`, as all rows together have it.
        missing: the words that mean "nothing".
        blanked: column -> word -> number of cells that it took out.
        source: the column that says which source a row comes from, where there are several.
        numbered: the columns that number all rows together, see `row_numbers`.
        rows: of each row its number in the table that these were taken from; `None`: they are all of it.
        tables: (name, number of rows) of those that lie below one another in it; none where it is one.

    Example:
        >>> table = TypedTable.read(pl.DataFrame({"zip": ["00501", "02139"], "rooms": ["2", "NA"]}))
        >>> table.types, table.frame["rooms"].to_list()
        ({'zip': 'text', 'rooms': 'integer'}, [2, None])
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        types: Mapping[str, str],
        missing: Missing | None = None,
        blanked: Mapping[str, Mapping[str, int]] | None = None,
        *,
        source: str | None = None,
        numbered: Sequence[str] = (),
        rows: np.ndarray | None = None,
        tables: Tables = (),
    ) -> None:
        self.frame = frame
        self.types = dict(types)
        self.missing = missing or Missing()
        self.blanked = {column: dict(words) for column, words in (blanked or {}).items()}
        self.source = source
        self.numbered = tuple(numbered)
        self.rows = rows
        self.tables = tuple(tables)

    @classmethod
    def read(
        cls,
        source: Any,
        query: str | None = None,
        *,
        missing: Missing | MissingWords = None,
        types: Mapping[str, str] | None = None,
        targets: Sequence[str] = (),
    ) -> Self:
        """Read a table and type its columns.

        Args:
            source: whatever `read_cells` takes; a `TypedTable` is returned as it is unless `types` are given.
            query: for a database: a SELECT statement or the name of a table.
            missing: words that mean "nothing", see `Missing`.
            types: column -> type that it has in training; other columns get the type that their cells spell.
            targets: names for the columns of `y`, where the source is a pair of arrays (X, y).

        Raises:
            DataError: the source cannot be read.
        """
        if isinstance(source, str | Path) and str(source).endswith(".parquet"):
            source = cls._written(Path(source)) or source
        if isinstance(source, cls):
            same = types is None or dict(types) == source.types
            if same:
                return source
            table = cls.settled(source.frame, source.missing, types or {}, source.source)
            table.numbered, table.rows, table.tables = source.numbered, source.rows, source.tables
            return table
        words = missing if isinstance(missing, Missing) else Missing(missing)
        frame, tables = read_tables(source, query, targets=targets)
        table = cls.settled(frame, words, types or {})
        table.tables = tuple(tables)
        return table

    def __getitem__(self, rows: np.ndarray | Sequence[int]) -> TypedTable:
        """Return some rows, with the types of the whole table."""
        numbers = np.asarray(rows)
        some = copy.copy(self)
        some.frame, some.blanked = self.frame[rows], {}
        some.rows = numbers if self.rows is None else self.rows[numbers]
        return some

    def from_source(self, column: str) -> TypedTable:
        """Return the table with the name of the column that says which source a row comes from."""
        named = copy.copy(self)
        named.source = column
        return named

    def with_columns(self, columns: Sequence[pl.Series], types: Mapping[str, str]) -> TypedTable:
        """Return the table with further columns of these types, in their order."""
        more = copy.copy(self)
        more.frame = self.frame.with_columns(columns)
        more.types = {**self.types, **{column.name: types[column.name] for column in columns}}
        return more

    def write_parquet(self, path: str | Path) -> None:
        """Write the rows so that `read` gives them back with the types of the whole table."""
        saved = {
            "types": self.types,
            "missing": self.missing.to_json(),
            "source": self.source,
            "numbered": self.numbered,
            "rows": None if self.rows is None else _packed(self.rows),
            "tables": self.tables,
        }
        self.frame.write_parquet(path, metadata={_METADATA: json.dumps(saved)})

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.frame.height

    @classmethod
    def _written(cls, path: Path) -> Self | None:
        """Return what `write_parquet` wrote, `None` for any other file."""
        try:
            saved = pl.read_parquet_metadata(path).get(_METADATA)
        except (OSError, pl.exceptions.PolarsError):
            return None  # whoever reads the file says what is wrong with it
        if saved is None:
            return None
        values = json.loads(saved)
        types, missing = require_types(values["types"]), Missing(values["missing"])
        rows = values.get("rows")
        return cls(
            pl.read_parquet(path),
            types,
            missing,
            source=values.get("source"),
            numbered=values.get("numbered", ()),
            rows=None if rows is None else _unpacked(rows),
            tables=[(name, n_rows) for name, n_rows in values.get("tables", ())],
        )

    @classmethod
    def settled(
        cls, frame: pl.DataFrame, missing: Missing, types: Mapping[str, str], source: str | None = None
    ) -> Self:
        """Type the columns of a frame.

        Args:
            frame: cells.
            missing: the words that mean "nothing".
            types: column -> type that it has in training; others get the type that their cells spell.
            source: the column that says which source a row comes from.
        """
        columns, found, blanked = [], {}, {}
        for series in frame.iter_columns():
            kind = types.get(series.name, "empty")
            settled, words = _settle(series, missing, None if kind == "empty" else kind)
            columns.append(settled)
            found[series.name] = type_of(settled) if kind == "empty" else kind
            if words:
                blanked[series.name] = words
        frame = pl.DataFrame(columns)
        return cls(frame, found, missing, blanked, source=source, numbered=row_numbers(frame))


def read_table(source: Any, query: str | None = None, *, missing: MissingWords = None) -> pl.DataFrame:
    """Return a table from a frame, arrays, a file, a folder or a SQLite database as polars.

    The ending of the path says what the file is: .csv, .tsv (also .gz), .parquet, .jsonl or .ndjson,
    .json, .db or .sqlite. A folder holds Parquet files, or pictures or sounds whose own folders say what they
    are: `cats/1.jpg` and `dogs/2.jpg` make the columns `file` and `label`, `images/1.jpg` and `masks/1.png`
    the columns `file` and `mask`, and folders train, val and test above or below these the column `split`.
    What a column holds is decided by its cells, see `TypedTable`.

    Args:
        source: any frame that narwhals reads, NumPy arrays (X, or the pair X, y), a Hugging Face data set, or
            a path; `"sqlite:///films.db"` is a path as well. A list of paths is one table in several files:
            rows below one another where the columns are the same, else columns beside the first file's by
            those that both have.
        query: for a database: a SELECT statement or the name of a table. Needed if there are several tables.
        missing: words that mean "nothing": one list, or column -> list.

    Raises:
        DataError: the file is missing, cannot be read, or has an unknown ending; the table has no rows, or
            two columns of the same name; the query is wrong.

    Example:
        >>> read_table(pl.DataFrame({"a": [1, 2]})).height
        2
    """
    return TypedTable.read(source, query, missing=missing).frame


def lossless(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the cells of a file with those columns typed that are written back letter for letter.

    Example:
        >>> frame = lossless(pl.DataFrame({"n": ["1", None], "price": ["1.50", "2"], "zip": ["00501", "NA"]}))
        >>> frame.schema.dtypes(), frame["price"].to_list()
        ([Int64, String, String], ['1.50', '2'])
    """
    return cells.with_columns(
        typed
        for column in cells.iter_columns()
        if column.dtype == pl.String
        and (typed := _settle(column, Missing([]), None)[0]).cast(pl.String).equals(column, null_equal=True)
    )


def _packed(rows: np.ndarray) -> str:
    """Return row numbers as text; those that ascend in small steps take a byte or two each."""
    return base64.b64encode(zlib.compress(np.diff(rows, prepend=0).astype("<i8").tobytes())).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8"))


def require_types(types: object) -> dict[str, str]:
    """Return saved types, or raise `DataError` if they are damaged."""
    if not isinstance(types, Mapping) or not set(types.values()) <= set(TYPES):
        raise DataError(f"The schema is damaged: the types of the columns are {str(types)[:80]!r}.")
    return {str(column): str(kind) for column, kind in types.items()}


def settle_column(series: pl.Series, missing: Missing) -> tuple[pl.Series, str]:
    """Return a column as what its cells spell, and which of `TYPES` that is.

    Example:
        >>> settle_column(pl.Series("n", ["1", "NA"]), Missing())[1]
        'integer'
    """
    settled, _ = _settle(series, missing, None)
    return settled, type_of(settled)


def _settle(series: pl.Series, missing: Missing, kind: str | None) -> tuple[pl.Series, dict[str, int]]:
    if kind == "text" and isinstance(series.dtype, pl.List | pl.Array):
        series = spell_lists(series)  # in training some sources had text in this column
    dtype, words = series.dtype, {}
    if dtype.is_float() and dtype != pl.Float64:
        # By way of its shortest spelling: 0.1 in half precision is 0.1 where a file has it.
        series = series.cast(pl.String).cast(pl.Float64, strict=False)
    elif dtype in (pl.UInt64, pl.Int128, pl.UInt128):
        exact = series.cast(pl.Int64, strict=False)
        series = exact if exact.null_count() == series.null_count() else series.cast(pl.String)
    elif dtype == pl.Duration:
        series = in_seconds(series)
    elif dtype in (pl.Categorical, pl.Enum, pl.Decimal, pl.Null, pl.Time):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        series, words = missing.blank_text(series)
        series = settle_text(series) if kind is None else series
    elif series.dtype == pl.Date or series.dtype == pl.Datetime:
        series = settle_times(series)
    if series.dtype.is_numeric():
        # pl.Decimal is numeric as well, but none is left here.
        series = series.fill_nan(None) if series.dtype.is_float() else series.cast(pl.Int64)
        series, more = missing.blank_numbers(series)
        series, words = settle_numbers(series), {**more, **words}
    # Lists in the place of texts are for the column to read, which may be one of words or of tags, and so are
    # the files themselves in the place of their paths.
    for_column = kind == "text" and isinstance(series.dtype, pl.List | pl.Binary | pl.Struct)
    if kind is not None and kind != "other" and not for_column:
        series = settle_as(series, kind)
    empty = series.null_count() == len(series) and not series.dtype.is_nested()
    return series.cast(pl.String) if empty and kind is None else series, words
