"""Cells that hold several numbers: lists, arrays, and texts that spell such lists."""

from __future__ import annotations

import polars as pl

from cotrain.data.columns._values import text_values

_NOTHING = ("null", "None", "nan", "NaN")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ENTRY = rf"(?:{_NUMBER}|\"{_NUMBER}\"|{'|'.join(_NOTHING)})"
#: As JSON and Python write them, with commas, and as NumPy does, with blanks and line breaks. In quotes they
#: are where a list came in the place of a text, which is then spelled.
_SPELLED = rf"(?s)^\[\s*{_ENTRY}(?:(?:\s*,\s*|\s+){_ENTRY})*\s*\]$"


def number_lists(values: pl.Series) -> pl.Series:
    """Return the numbers of each cell, a list of Float64; null where the cell is missing or holds no numbers.

    Args:
        values: lists or arrays of numbers, or texts.

    Example:
        >>> number_lists(pl.Series(["[1, 2.5]", "[1. 2.]", "[a]", None])).to_list()
        [[1.0, 2.5], [1.0, 2.0], None, None]
    """
    dtype, floats = values.dtype, pl.List(pl.Float64)
    if isinstance(dtype, pl.List | pl.Array) and _is_plain(dtype.inner):
        return values.cast(floats)
    if dtype == pl.String:
        return number_words(values).list.eval(pl.element().cast(pl.Float64, strict=False))
    return pl.Series(values.name, [None] * len(values), dtype=floats)


def number_words(text: pl.Series) -> pl.Series:
    """Return the numbers that each cell spells, as they are spelled; null where it spells no list of numbers.

    Example:
        >>> number_words(pl.Series(["[1, null]", "[7]", "[sic]", "7"])).to_list()
        [['1', None], ['7'], None, None]
    """
    text = text_values(text)
    cells = text.set(~text.str.contains(_SPELLED).fill_null(value=False), None)
    words = cells.str.extract_all(r"[^\[\],\s\"]+")
    missing = pl.element().is_in(list(_NOTHING))
    return words.list.eval(pl.when(~missing).then(pl.element()))


def _is_plain(inner: object) -> bool:
    dtype = inner if isinstance(inner, pl.DataType) else inner() if isinstance(inner, type) else None
    return isinstance(dtype, pl.DataType) and (dtype.is_numeric() or dtype == pl.Null)
