"""Write a table to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from cotrain._base import DataError, did_you_mean, write_atomically

_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: _flat(frame).write_csv(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
}


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Write `frame` in the format that the ending of `path` names: .csv, .parquet, .jsonl or .ndjson.

    The file is there whole or not at all, and an old one stays until the new one is whole.

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
    if path.is_dir():
        raise DataError(f"Cannot write {path}: it is a folder; name a file.")
    write = _WRITERS[path.suffix.lower()]
    try:
        write_atomically(path, lambda temporary: write(frame, Path(temporary)))
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"Cannot write {path} as {path.suffix}: {reason}: choose .parquet.") from error


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Join lists and write structures as JSON: CSV has no cells for them."""
    return frame.with_columns(
        pl.col(name).struct.json_encode()
        if isinstance(dtype, pl.Struct)
        else pl.col(name).cast(pl.List(pl.String)).list.join(", ")
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Struct | pl.List)
    )
