"""A folder: of Parquet files that make one table, or of pictures or sounds."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cotrain.data.readers._media_folder import read_media_folder
from cotrain.data.readers._parquet import read_parquet_folder


def read_folder(path: Path) -> pl.DataFrame:
    """Return the table of all Parquet files below a folder in the order of their paths, else of its pictures.

    Raises:
        DataError: see `read_parquet_folder` and `read_media_folder`.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".parquet", ".pq"))
    return read_parquet_folder(path, files) if files else read_media_folder(path)
