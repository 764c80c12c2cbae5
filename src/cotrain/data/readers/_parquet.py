"""Parquet files, and folders of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cotrain._base import DataError
from cotrain.data._foreign_types import plain_types


def read_parquet(path: Path) -> pl.DataFrame:
    """Return the table of a Parquet file."""
    return plain_types(pl.read_parquet(path, hive_partitioning=False))


def read_parquet_folder(path: Path, files: Sequence[Path]) -> pl.DataFrame:
    """Return the Parquet files below a folder as one table, one below the other.

    A column that a file lacks is empty in its rows; folders named `key=value` give a column `key`.

    Raises:
        DataError: two of them hold a column as types that do not go together.
    """
    frames = []
    for file in files:
        keys = [part.partition("=") for part in file.relative_to(path).parts[:-1]]
        named = [pl.lit(value).alias(key) for key, equals, value in keys if equals and key]
        frames.append(read_parquet(file).with_columns(named))
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"The {len(files)} Parquet files of {path} do not make one table: {reason}"
        ) from error
