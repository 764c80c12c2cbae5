"""Targets that say what is heard in a sound."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from cotrain.data._task_guess import TaskGuess
from cotrain.data.columns._values import text_values

_NAME = re.compile(r"text|transcri|sentence|utterance|caption|normali[sz]ed|said|spoken", re.IGNORECASE)
#: Of so many different texts, and as many for each labelled row, a column holds no classes.
_MANY, _SHARE = 10, 0.2


def infer_transcript(values: pl.Series, sounds: Sequence[str], others: Sequence[str]) -> TaskGuess | None:
    """Return the guess for a column of texts beside sounds; `None`: they seem to be classes, or no texts.

    Args:
        values: the target column.
        sounds: columns of the table that hold sounds.
        others: its columns of words in order, whose positions could be read as well.

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
    return TaskGuess(values.name, "Transcription", why, len(known), options)
