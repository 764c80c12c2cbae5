"""Read a table from a file or a database."""

from __future__ import annotations

import csv
import gzip
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError, did_you_mean
from cotrain.data._decimal_comma import parse_decimal_commas
from cotrain.data._frames import require_unique, to_polars

#: What counts as missing in a CSV file, besides nothing at all.
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]


def read_table(source: Any, query: str | None = None) -> pl.DataFrame:
    """Return a table from a frame, a file or a SQLite database as polars.

    The ending of the path says what the file is: .csv, .tsv (also .gz), .parquet, .jsonl or .ndjson,
    .json, .db or .sqlite. A CSV file's separator (comma, semicolon, tab, bar) is read off its first line;
    where it is no comma, columns of numbers like 1.234,56 are read as numbers.

    Args:
        source: any frame that narwhals reads, or a path; `"sqlite:///films.db"` is a path as well.
        query: for a database: a SELECT statement or the name of a table. Needed if there are several tables.

    Raises:
        DataError: the file is missing, cannot be read, or has an unknown ending; the table has no rows, or
            two columns of the same name; the query is wrong.

    Example:
        >>> read_table(pl.DataFrame({"a": [1, 2]})).height
        2
    """
    if isinstance(source, str | Path):
        frame = _read_path(str(source), query)
        name = str(source)
    else:
        frame, name = to_polars(source), "the table"
    if frame.width == 0 or frame.height == 0:
        raise DataError(f"{name} is empty: it has {frame.width} columns and {frame.height} rows.")
    return frame


def _read_path(source: str, query: str | None) -> pl.DataFrame:
    path = Path(source.removeprefix("sqlite:///"))
    if not path.exists():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise DataError(
            f"There is no file {source}" + (f": {hint}" if hint.startswith("did you mean") else ".")
        )
    if path.is_dir():
        raise DataError(f"{source} is a folder: give the path of a file in it.")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if source.startswith("sqlite:///"):
        suffix = ".sqlite"
    if suffix not in _READERS:
        raise DataError(
            f"Cannot tell from its ending what kind of table {source} is: {did_you_mean(suffix, _READERS)}"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{source} is empty: it has 0 bytes.")
    reader = _READERS[suffix]
    if query is not None and reader is not _read_sqlite:
        raise DataError(f"A query was given with {source}, which is not a database: leave the query out.")
    try:
        return _read_sqlite(path, query) if reader is _read_sqlite else reader(path, None)
    except (pl.exceptions.PolarsError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0]
        if "utf-8" in reason.lower() or "utf8" in reason.lower():
            reason = f"{reason}. Save it as UTF-8, for example: iconv -f latin1 -t utf-8 {path.name}"
        raise DataError(f"Cannot read {source} as {suffix}: {reason}") from error


def _read_csv(path: Path, query: str | None) -> pl.DataFrame:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        line = file.readline()
        separator = max("\t,;|", key=line.count) if path.suffix.lower() != ".tsv" else "\t"
        file.seek(0)
        require_unique(next(csv.reader(file, delimiter=separator)), str(path))
    frame = pl.read_csv(path, separator=separator, null_values=MISSING, infer_schema_length=None)
    return frame if separator == "," else parse_decimal_commas(frame)


def _read_parquet(path: Path, query: str | None) -> pl.DataFrame:
    return pl.read_parquet(path)


def _read_jsonl(path: Path, query: str | None) -> pl.DataFrame:
    return pl.read_ndjson(path, infer_schema_length=None)


def _read_json(path: Path, query: str | None) -> pl.DataFrame:
    # Some tools write one object per line under the name .json; an array starts with a bracket.
    with path.open(encoding="utf-8") as file:
        is_array = file.read(64).lstrip().startswith("[")
    return pl.read_json(path, infer_schema_length=None) if is_array else _read_jsonl(path, query)


def _read_sqlite(path: Path, query: str | None) -> pl.DataFrame:
    uri = f"file:{str(path.resolve()).replace('?', '%3f').replace('#', '%23')}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        ).fetchall()
        tables = [name for (name,) in found]
        if query is None:
            if len(tables) != 1:
                raise DataError(
                    f"{path} has {len(tables)} tables ({', '.join(tables)}): "
                    "give a query, a SELECT statement or the name of one."
                )
            query = tables[0]
        if not re.search(r"\s", query.strip()):
            if query not in tables:
                raise DataError(f"{path} has no table {query!r}: {did_you_mean(query, tables)}")
            query = 'SELECT * FROM "{}"'.format(query.replace('"', '""'))
        cursor = connection.execute(query)
        if cursor.description is None:
            raise DataError(
                f"The query on {path} gives no rows: it must be a SELECT statement, got {query!r}."
            )
        names = [column[0] for column in cursor.description]
        require_unique(names, f"the result of the query on {path}")
        rows = cursor.fetchall()
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pl.DataFrame([_column(name, list(values)) for name, values in zip(names, columns, strict=True)])


def _column(name: str, values: list[Any]) -> pl.Series:
    # SQLite has no column types: text in one row makes the column text.
    if any(isinstance(value, str) for value in values):
        return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
    if any(isinstance(value, float) for value in values):
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(name, values)


_READERS: dict[str, Callable[[Path, str | None], pl.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".db": _read_sqlite,
    ".sqlite": _read_sqlite,
    ".sqlite3": _read_sqlite,
}
