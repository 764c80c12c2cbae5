"""Write a table to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from cotrain._base import DataError, did_you_mean

_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: _flat(frame).write_csv(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
}


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Write `frame` in the format that the ending of `path` names: .csv, .parquet, .jsonl or .ndjson.

    Raises:
        DataError: the ending is none of these, or the folder does not exist.

    Example:
        >>> write_table(pl.DataFrame({"a": [1]}), "table.xlsx")
        Traceback (most recent call last):
        cotrain._base._errors.DataError: Cannot write table.xlsx: the ending '.xlsx' is not known; ...
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        hint = did_you_mean(path.suffix, _WRITERS)
        raise DataError(f"Cannot write {path}: the ending {path.suffix!r} is not known; {hint}")
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: there is no folder {path.parent}.")
    _WRITERS[path.suffix.lower()](frame, path)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Join lists, which CSV has no cells for."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(", ") for name in lists)
