"""Cells that hold words in order: lists, lists that a text spells, and text that is split."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import polars as pl

from cotrain._base._spelled_lists import SPELLED_LIST, spelled_list
from cotrain.data.columns._segmenting import NO_SPACES
from cotrain.data.columns._values import text_values

#: How a text becomes words.
Split = Literal["spaces", "words"]
#: A word with its apostrophes and hyphens, a character of a script without spaces, or a mark.
_LETTERS = rf"[[\p{{L}}\p{{N}}\p{{M}}_]--[{NO_SPACES}]]+"
_WORD = rf"{_LETTERS}(?:['’\-]{_LETTERS})*|[{NO_SPACES}]|\S"
#: A mark that hangs on a word.
_HANGING = r"[\p{L}\p{N}][.,!?;:](\s|$)"


def word_lists(values: pl.Series, split: Split = "spaces") -> pl.Series:
    """Return the words of each row, lists of strings; null where the cell is missing.

    Args:
        values: lists; or text, of which a cell that spells a list of strings is that list, and any other one
            is split.
        split: "spaces" = at blanks, or "words" = words, marks, and single characters of scripts without
            spaces.

    Raises:
        DataError: the values are lists of lists or structures.

    Example:
        >>> word_lists(pl.Series(["Do n't go .", '["a b", "c"]', None])).to_list()
        [['Do', "n't", 'go', '.'], ['a b', 'c'], None]
        >>> word_lists(pl.Series(["Don't go, 张三."]), "words").to_list()
        [["Don't", 'go', ',', '张', '三', '.']]
    """
    dtype = values.dtype
    if isinstance(dtype, pl.List | pl.Array) and not _is_nested(dtype.inner):
        return values.cast(pl.List(pl.String))
    text = text_values(values)
    found = text.str.extract_all(_WORD if split == "words" else r"\S+")
    lists = json_lists(text)
    return found if lists is None else lists.zip_with(lists.is_not_null(), found).alias(values.name)


def count_words(values: pl.Series, split: Split) -> np.ndarray:
    """Return how many words `word_lists` finds in each row, int64 [B]; none where the cell is missing.

    Example:
        >>> count_words(pl.Series(["Do n't go .", None]), "spaces").tolist()
        [4, 0]
    """
    return word_lists(values, split).list.len().fill_null(0).cast(pl.Int64).to_numpy()


def json_lists(text: pl.Series) -> pl.Series | None:
    """Return the cells that spell lists of strings and nulls, null where another stands; `None`: none does.

    In JSON, or as Python prints them.

    Example:
        >>> json_lists(pl.Series(['["a", null]', "['b']", "[1]", "[sic]"])).to_list()
        [['a', None], ['b'], None, None]
    """
    like = text.str.contains(SPELLED_LIST).fill_null(value=False)
    if not like.any():
        return None
    read = [
        _read(cell) if looks else None for cell, looks in zip(text.to_list(), like.to_list(), strict=True)
    ]
    lists = pl.Series(text.name, read, dtype=pl.List(pl.String))
    return lists if lists.null_count() < len(lists) else None


def spell_lists(values: pl.Series) -> pl.Series:
    """Return lists of strings as the JSON that `word_lists` reads.

    Example:
        >>> spell_lists(pl.Series([["a", None], None])).to_list()
        ['["a", null]', None]
    """
    lists = values.cast(pl.List(pl.String)).to_list()
    spelled = [None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in lists]
    return pl.Series(values.name, spelled, dtype=pl.String)


def best_split(values: pl.Series) -> Split:
    """Return how a column's text is to be split: at spaces, unless marks hang on words or there are none.

    Example:
        >>> best_split(pl.Series(["It rains.", "Why?"])), best_split(pl.Series(["it rains .", "why ?"]))
        ('words', 'spaces')
    """
    if values.dtype.is_nested():
        return "spaces"
    text = text_values(values).drop_nulls()
    text = text.filter(~text.str.contains(SPELLED_LIST))
    if not len(text):
        return "spaces"
    hanging = text.str.contains(_HANGING) | text.str.contains(rf"[{NO_SPACES}]{{3}}")
    return "words" if int(hanging.sum()) >= 0.2 * len(text) else "spaces"


def _read(cell: str) -> list[str | None] | None:
    found = spelled_list(cell)
    strings = [item for item in found or [] if item is None or isinstance(item, str)]
    return strings if found is not None and len(strings) == len(found) else None


def _is_nested(inner: object) -> bool:
    return isinstance(inner, pl.DataType) and inner.is_nested()
