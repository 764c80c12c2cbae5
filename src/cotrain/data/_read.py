"""Read the cells of a table from a file, a folder, a database or whatever Python holds."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError, Tables, did_you_mean
from cotrain.data._arrays import arrays_to_polars, is_arrays
from cotrain.data._file_paths import holds_paths, paths_from, with_whole_paths
from cotrain.data._frames import to_polars
from cotrain.data._merge import merge_files
from cotrain.data.readers import (
    is_ljspeech,
    read_conll,
    read_conllu,
    read_csv,
    read_folder,
    read_json,
    read_jsonl,
    read_ljspeech,
    read_parquet,
    read_sqlite,
)


def read_cells(source: Any, query: str | None = None, *, targets: Sequence[str] = ()) -> pl.DataFrame:
    """Return a table as it lies in its source: the cells of a CSV file are text, nothing is interpreted.

    Args:
        source: see `read_tables`.
        query: see `read_tables`.
        targets: see `read_tables`.

    Raises:
        DataError: it cannot be read, or has no rows.

    Example:
        >>> read_cells(pl.DataFrame({"a": ["01", "NA"]}))["a"].to_list()
        ['01', 'NA']
    """
    return read_tables(source, query, targets=targets)[0]


def read_tables(
    source: Any, query: str | None = None, *, targets: Sequence[str] = ()
) -> tuple[pl.DataFrame, Tables]:
    """Return a table as it lies in its source, and of which files its rows are.

    Args:
        source: a frame, arrays, a Hugging Face data set, a path, or a list of the paths of one table's files;
            see `read_table`.
        query: for a database: a SELECT statement or the name of a table.
        targets: names for the columns of `y`, where the source is a pair of arrays (X, y).

    Returns:
        the cells; and (path, number of rows) of the files that lie below one another, nothing where there is
        one, or others hold more columns of its rows.

    Raises:
        DataError: it cannot be read, or has no rows.

    Example:
        >>> cells, files = read_tables(pl.DataFrame({"a": ["01", "NA"]}))
        >>> cells.height, files
        (2, [])
    """
    tables: list[tuple[str, int]] = []
    if isinstance(source, str | Path):
        frame, name = _read_path(str(source), query), str(source)
        frame = with_whole_paths(frame, Path(str(source).removeprefix("sqlite:///")).parent)
    elif is_paths_of_one(source):
        files = [(str(path), read_cells(path, query)) for path in source]
        frame, name = merge_files(files), " and ".join(name for name, _ in files)
        tables = [(path, own.height) for path, own in files]
        tables = tables if sum(n_rows for _, n_rows in tables) == frame.height and tables[1:] else []
    elif is_arrays(source):
        frame, name = arrays_to_polars(source, targets), "the array"
    else:
        frame, name = to_polars(source), "the table"
    if frame.width == 0 or frame.height == 0:
        raise DataError(f"{name} is empty: it has {frame.width} columns and {frame.height} rows.")
    return frame, tables


def with_written_paths(
    frame: pl.DataFrame, source: str | Path, query: str | None = None, *, output: Path | None = None
) -> pl.DataFrame:
    """Return rows that `read_cells` read whose paths are those of the file again, to be written elsewhere.

    A path that was relative to the folder of the file is relative to that of the output; the others stay.

    Args:
        frame: with the rows of the file in their order, and some of its columns.
        source: path of the file.
        query: for a database.
        output: where they are to be written; `None`: beside the file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(f"{folder}/1.png").write_bytes(b"")
        ...     table = f"{folder}/table.csv"
        ...     pl.DataFrame({"file": ["1.png"]}).write_csv(table)
        ...     cells = read_cells(table)
        ...     Path(cells["file"][0]).is_absolute(), with_written_paths(cells, table)["file"][0]
        (True, '1.png')
    """
    folder = Path(str(source).removeprefix("sqlite:///")).parent
    if not any(holds_paths(series) for series in frame.iter_columns()):
        return frame
    return frame.with_columns(paths_from(frame, _read_path(str(source), query), folder, output=output))


def is_paths_of_one(source: object) -> bool:
    """Whether these are the paths of files that one table lies in."""
    several = isinstance(source, list | tuple) and len(source) > 0
    return several and all(isinstance(path, str | Path) for path in source)


def _read_path(source: str, query: str | None) -> pl.DataFrame:
    path = Path(source.removeprefix("sqlite:///"))
    if not path.exists():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise DataError(
            f"There is no file {source}" + (f": {hint}" if hint.startswith("did you mean") else ".")
        )
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if source.startswith("sqlite:///"):
        suffix = ".sqlite"
    if path.is_dir():
        suffix = "a folder"
    elif suffix not in _READERS:
        raise DataError(
            f"Cannot tell from its ending what kind of table {source} is: {did_you_mean(suffix, _READERS)}"
        )
    elif path.stat().st_size == 0:
        raise DataError(f"{source} is empty: it has 0 bytes.")
    reader = read_folder if path.is_dir() else _READERS.get(suffix)
    if query is not None and reader is not None:
        raise DataError(f"A query was given with {source}, which is not a database: leave the query out.")
    try:
        return read_sqlite(path, query) if reader is None else reader(path)
    except (
        pl.exceptions.PolarsError,
        sqlite3.Error,
        sqlite3.Warning,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"Cannot read {source} as {suffix}: {reason}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"Cannot read {source} as {suffix}: byte {error.start} is no UTF-8. Save it as UTF-8, such as "
            f"by: iconv -f latin1 -t utf-8 {path.name}"
        ) from error


def _read_csv(path: Path) -> pl.DataFrame:
    return read_ljspeech(path) if is_ljspeech(path) else read_csv(path)


#: `None`: a database, which takes a query.
_READERS: dict[str, Callable[[Path], pl.DataFrame] | None] = {
    ".csv": _read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".conllu": read_conllu,
    ".conll": read_conll,
    ".bio": read_conll,
    ".iob": read_conll,
    ".iob2": read_conll,
    ".db": None,
    ".sqlite": None,
    ".sqlite3": None,
}
