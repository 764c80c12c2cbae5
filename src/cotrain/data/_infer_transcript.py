"""Targets that say what is heard in a sound."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from cotrain.data._task_guess import TaskGuess
from cotrain.data.columns._values import text_values

_NAME = re.compile(r"text|transcri|sentence|utterance|caption|normali[sz]ed|said|spoken", re.IGNORECASE)
_WORD = re.compile(r"\w+")
#: Of so many different texts, and as many for each labelled row, a column holds no classes.
_MANY, _SHARE = 10, 0.2


def infer_transcript(
    values: pl.Series, sounds: Sequence[str], others: Sequence[str], texts: Sequence[pl.Series] = ()
) -> TaskGuess | None:
    """Return the guess for a column of texts beside sounds; `None`: they seem to be classes, or no texts.

    Columns that say the same in other words, such as a text with its numbers spelled out, are no inputs.

    Args:
        values: the target column.
        sounds: columns of the table that hold sounds.
        others: its columns of words in order, whose positions could be read as well.
        texts: its other columns.

    Example:
        >>> texts = pl.Series("text", ["one two", "six", None, "two", "one six"])
        >>> infer_transcript(texts, ["file"], []).kind
        'Transcription'
    """
    if not sounds or values.dtype != pl.String:
        return None
    known = text_values(values).drop_nulls()
    distinct = known.n_unique()
    named = distinct > 2 and bool(_NAME.search(values.name))
    if not named and not distinct > max(_MANY, _SHARE * len(known)):
        return None
    if not known.str.contains(r"\p{Alphabetic}").any():
        return None  # numbers have kinds of their own
    options = {"sound": sounds[0]} if len(sounds) + len(others) > 1 else {}
    why = f"{distinct} different texts beside the sounds of {sounds[0]!r}"
    beside = tuple(other.name for other in texts if _says_the_same(values, other))
    return TaskGuess(values.name, "Transcription", why, len(known), options, beside)


def _says_the_same(values: pl.Series, other: pl.Series) -> bool:
    """Whether half of the words of the texts of both columns are common, in half of their rows."""
    if other.dtype != pl.String or other.name == values.name:
        return False
    pairs = [
        (set(_WORD.findall(text.lower())), set(_WORD.findall(said.lower())))
        for text, said in zip(values.to_list(), other.to_list(), strict=True)
        if text and said
    ]
    alike = [2 * len(a & b) >= max(len(a), len(b)) for a, b in pairs if a or b]
    return 2 * sum(alike) > len(alike)
