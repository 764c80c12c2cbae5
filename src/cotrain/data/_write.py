"""Write a table to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from cotrain._base import DataError, did_you_mean, write_atomically
from cotrain.data._write_files import with_files

_WRITERS: dict[str, Callable[[pl.DataFrame, str], object]] = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
}
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = r"^[=+\-@\t\r]"


def write_table(frame: pl.DataFrame, path: str | Path, *, neutralise: bool = False) -> None:
    """Write `frame` in the format that the ending of `path` names: .csv, .parquet, .jsonl or .ndjson.

    The file is whole or not there. Cells that are whole pictures or sounds become files of their own, but in
    Parquet, which holds them. A CSV file has no lists: those of plain values are joined by ", ", all other
    nested values are written as JSON.

    Args:
        frame: the table.
        path: the file.
        neutralise: in a CSV file, put a quote before texts that a spreadsheet would run as formulas.

    Raises:
        DataError: the ending is none of these, the folder does not exist, or the file cannot be written.

    Example:
        >>> write_table(pl.DataFrame({"a": [1]}), "table.xlsx")
        Traceback (most recent call last):
        cotrain._base._errors.DataError: Cannot write table.xlsx: the ending '.xlsx' is not known; ...
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        hint = did_you_mean(path.suffix, _WRITERS)
        raise DataError(f"Cannot write {path}: the ending {path.suffix!r} is not known; {hint}")
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise DataError(f"Cannot write {path}: it is a folder; name a file.")
    try:
        if suffix != ".parquet":
            frame = with_files(frame, path)
        if suffix == ".csv":
            frame = flat(frame, neutralise=neutralise)
        write_atomically(path, lambda part: _WRITERS[suffix](frame, part))
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror or error}.") from error
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"Cannot write {path} as {suffix}: {reason}: choose .parquet.") from error


def flat(frame: pl.DataFrame, *, neutralise: bool = False) -> pl.DataFrame:
    """Return a table without nested columns, as CSV has it.

    Lists are texts with ", " between the entries where these are sets of names: no entry twice in a row, none
    null, empty or with a comma or blanks around it. All other lists, as tags of words are, are JSON, from
    which every entry comes back at its place.

    Args:
        frame: the table.
        neutralise: put a quote before texts that a spreadsheet would run as formulas.

    Example:
        >>> flat(pl.DataFrame({"a": [["x", "y"]], "b": ["=1+1"]}), neutralise=True).row(0)
        ('x, y', "'=1+1")
    """
    columns = [_flat(column) for column in frame.iter_columns()]
    if neutralise:
        columns = [_neutral(column) for column in columns]
    return pl.DataFrame(columns)


def _flat(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.List | pl.Array) and not _is_nested(dtype.inner):
        lists = column.cast(pl.List(pl.String))
        if _are_sets(lists):
            return lists.list.join(", ")
    if dtype.is_nested() or dtype == pl.Object:
        texts = [None if value is None else _json(value) for value in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if dtype == pl.Duration:
        return column.dt.to_string("iso")
    if dtype == pl.Binary:
        return pl.Series(
            column.name, [None if v is None else v.hex() for v in column.to_list()], dtype=pl.String
        )
    return column


def _are_sets(lists: pl.Series) -> bool:
    """Say whether each list is what splitting its entries' text at commas gives, and none has one twice."""
    full = lists.filter(lists.list.len().fill_null(0) > 0)
    entries = full.explode()
    spoiled = entries.is_null() | entries.str.contains(r"^$|^\s|\s$|,").fill_null(value=False)
    return not spoiled.any() and bool((full.list.len() == full.list.n_unique()).all())


def _is_nested(inner: object) -> bool:
    return isinstance(inner, pl.DataType) and inner.is_nested()


def _json(value: object) -> str:
    value = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(value, ensure_ascii=False, default=str)


def _neutral(column: pl.Series) -> pl.Series:
    name = f"'{column.name}" if column.name[:1] in tuple("=+-@\t\r") else column.name
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        column = column.str.replace(rf"(?s)({_FORMULA}.*)", "'${1}")
    return column.alias(name)
