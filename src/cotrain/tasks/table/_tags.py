"""Cells that hold several values, separated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cotrain._base._spelled_lists import spelled_list
from cotrain.tasks._target_values import keys


def tag_counts(column: pl.Series, separator: str) -> tuple[list[tuple[str, int]], int]:
    """Count in how many rows each tag occurs.

    Returns:
        tags and counts, the most frequent first, then by name; and the number of rows that are not missing.

    Example:
        >>> tag_counts(pl.Series(["a, b", "a", None, "a,a"]), ",")
        ([('a', 3), ('b', 1)], 3)
    """
    cells, labelled = _cells(column, separator)
    counts = cells.unique().get_column("tag").drop_nulls().value_counts()
    return sorted(counts.iter_rows(), key=lambda item: (-item[1], item[0])), int(labelled.sum())


def encode_tags(column: pl.Series, separator: str, tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 [B, T], 1 where a row has a tag, and bool [B], whether the row is not missing.

    Example:
        >>> encode_tags(pl.Series(["a, z", None]), ",", ["a", "b"])[0].tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    cells, labelled = _cells(column, separator)
    targets = np.zeros((len(column), len(tags)), dtype=np.float32)
    numbers = {tag: t for t, tag in enumerate(tags)}
    known = cells.filter(pl.col("tag").is_in(list(tags)))
    if known.is_empty():
        return targets, labelled
    places = known["tag"].replace_strict(numbers, return_dtype=pl.Int64).to_numpy()
    targets[known["row"].to_numpy(), places] = 1
    return targets, labelled


def _cells(column: pl.Series, separator: str) -> tuple[pl.DataFrame, np.ndarray]:
    """Return one row per tag with its row number, and which rows are not missing."""
    if isinstance(column.dtype, pl.List):
        lists = column.cast(pl.List(pl.String))
        labelled = lists.is_not_null().to_numpy()
    else:
        text = keys(column)
        labelled = text.is_not_null().to_numpy()
        lists = _with_spelled(text, text.str.split(separator))
    frame = pl.DataFrame({"row": np.arange(len(column)), "tag": lists}).explode("tag")
    frame = frame.with_columns(pl.col("tag").str.strip_chars())
    return frame.filter(pl.col("tag").is_not_null() & (pl.col("tag") != "")), labelled


def _with_spelled(text: pl.Series, lists: pl.Series) -> pl.Series:
    """Return lists with those in their places that the text spells, as a file has a column of lists."""
    like = (text.str.starts_with("[") & text.str.ends_with("]")).fill_null(value=False)
    if not like.any():
        return lists
    found = [spelled_list(cell) if looks else None for cell, looks in zip(text, like, strict=True)]
    named = [
        None if cell is None else [None if item is None else str(item) for item in cell] for cell in found
    ]
    spelled = pl.Series(named, dtype=pl.List(pl.String))
    return spelled.zip_with(spelled.is_not_null(), lists)
