"""Cells with a tag for every token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cotrain._base import DataError


def tag_lists(column: pl.Series, missing: Sequence[str] = ()) -> tuple[pl.Series, np.ndarray]:
    """Return the tags of all cells one after the other, null where missing, and the offsets [N + 1].

    A cell is a list; a text that spells one in JSON; or a text with blanks between the tags. A null cell has
    no tags.

    Args:
        column: of such cells.
        missing: tags that say nothing, as texts, of numbers too.

    Raises:
        DataError: the column holds something else.

    Example:
        >>> tags, offsets = tag_lists(pl.Series("pos", [["NOUN", None], None, ["_"]]), ["_"])
        >>> tags.to_list(), offsets.tolist()
        (['NOUN', None, None], [0, 2, 2, 3])
    """
    lists = _lists(column)
    lengths = lists.list.len().fill_null(0).cast(pl.Int64).to_numpy()
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])
    # A list without entries would become a null of its own.
    flat = lists.filter(lists.list.len().fill_null(0) > 0).explode()
    if flat.dtype == pl.Null or not len(flat):
        return pl.Series(column.name, [None] * len(flat), dtype=pl.String), offsets
    if flat.dtype.is_nested():
        raise DataError(f"Column {column.name!r} holds {column.dtype}, where lists of tags were expected.")
    if missing and (flat.dtype == pl.String or flat.dtype.is_integer()):
        # Numbers are compared as they are written: tensors of tags have "-100" where there is none.
        flat = flat.set(flat.cast(pl.String).str.strip_chars().is_in(list(missing)), None)
    return flat.alias(column.name), offsets


def _lists(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.List | pl.Array):
        return column.cast(pl.List(column.dtype.inner))
    if column.dtype == pl.Null:
        return column.cast(pl.List(pl.String))
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise DataError(
            f"Column {column.name!r} holds {column.dtype}, where a list of tags a row was expected."
        )
    text = column.cast(pl.String).str.strip_chars()
    text = text.set(text == "", None)
    if not text.str.starts_with("[").any():
        return text.str.extract_all(r"\S+")
    try:
        return text.str.json_decode(pl.List(pl.String))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"Column {column.name!r} has cells that begin with '[' and are no list of tags in JSON: write "
            '["NOUN", "VERB"], or tags with blanks between them.'
        ) from error
