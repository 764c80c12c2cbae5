"""Which kind a column seems to be, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from cotrain.data.columns import Boolean, Category, Column, Date, Number, Tags, Text
from cotrain.data.columns._date import find_format
from cotrain.data.columns._values import text_values

#: Separators of tags, the unambiguous ones first.
SEPARATORS = ("|", ";", ",", "/")
#: Up to so many different whole numbers are coded one by one as well.
FEW = 10
_ID_NAME = re.compile(r"(?i:(^|[_\W])(id|uuid|guid|key|index|idx)$)|(?<=[a-z])I[Dd]$")


@dataclass(frozen=True)
class Guess:
    """A column's kind.

    Args:
        column: the column, not yet fitted; `None` = left out.
        why: one clause that says what the decision rests on.
    """

    column: Column | None
    why: str


def infer_kind(values: pl.Series, *, bins: int = 0) -> Guess:
    """Guess the kind of a column from its training values.

    Args:
        values: the training rows' values.
        bins: passed on to `Number`.

    Example:
        >>> genres = ["Drama", "Action, Drama", "Action", "Drama, War", "War"] * 9
        >>> guess = infer_kind(pl.Series("genre", genres))
        >>> type(guess.column).__name__, guess.why
        ('Tags', "3 different names separated by ',', in 40 % of the values more than one")
    """
    name, dtype = values.name, values.dtype
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        if isinstance(inner, type) or not inner.is_nested():  # type: ignore[union-attr]
            return Guess(Tags(name), "lists of values")
    if dtype.is_nested() or dtype in (pl.Object, pl.Binary, pl.Duration, pl.Time):
        return Guess(None, f"values of type {dtype} cannot be used")
    if dtype.is_float():
        values = values.fill_nan(None)
    known = text_values(values).drop_nulls() if dtype == pl.String else values.drop_nulls()
    distinct = known.n_unique()
    if len(known) == 0:
        return Guess(None, "all values are missing")
    if distinct == 1 and len(known) == len(values):
        return Guess(None, f"constant: every value is {known[0]!r}")
    if dtype == pl.Boolean:
        return Guess(Boolean(name), "true or false")
    if dtype.is_temporal():
        return Guess(Date(name), f"values of type {dtype}")
    if dtype.is_numeric():
        return _infer_number(known, distinct, bins)
    return _infer_text(known.cast(pl.String), distinct, bins)


def _infer_number(known: pl.Series, distinct: int, bins: int) -> Guess:
    name = known.name
    if known.dtype.is_integer() and len(known) > 20:
        steps = known.diff().drop_nulls()
        if _ID_NAME.search(name):
            if distinct == len(known):
                return Guess(None, "an identifier: whole numbers, all different, and a name that says so")
            return Guess(Category(name), f"whole numbers, {distinct} different, named like an identifier")
        if distinct == len(known) and bool((steps == 1).all()):
            return Guess(None, "a row number: each value is one more than the last")
    # Few whole numbers may be names of classes, in no order: they get a code each beside the number.
    few = 2 < distinct <= FEW and known.dtype.is_integer()
    return Guess(
        Number(name, bins=max(bins, FEW) if few else bins),
        f"numbers, {distinct} different" + (" (also coded one by one)" if few else ""),
    )


def _infer_text(known: pl.Series, distinct: int, bins: int) -> Guess:
    name, share = known.name, distinct / len(known)
    if known.cast(pl.Float64, strict=False).null_count() == 0:
        as_numbers = known.cast(pl.Int64, strict=False)
        as_numbers = known.cast(pl.Float64) if as_numbers.null_count() else as_numbers
        # Codes such as 007 or zip codes lose their zeros as numbers.
        if known.str.contains(r"^0\d").any():
            return Guess(Category(name), f"digits with leading zeros, {distinct} different")
        guess = _infer_number(as_numbers, distinct, bins)
        return Guess(guess.column, f"text that spells {guess.why}")
    spelling = find_format(known)
    if spelling is not None:
        return Guess(Date(name), f"dates spelled {spelling}")
    tags = _infer_tags(known, distinct)
    if tags is not None:
        return tags
    words = known.str.count_matches(r"[\p{L}\p{N}]+").mean()
    n_words = float(words) if isinstance(words, int | float) else 0.0
    if share > 0.98 and len(known) > 20 and n_words < 1.5 and bool(known.str.contains(r"\d").all()):
        return Guess(None, f"an identifier: codes such as {known[0]!r}, {distinct} different")
    if share > 0.5 and len(known) > 20:
        return Guess(Text(name), f"{distinct} different texts in {len(known)} rows, {n_words:.1f} words each")
    if n_words >= 4 and distinct > 50:
        return Guess(Text(name), f"{distinct} different texts of {n_words:.1f} words each")
    return Guess(Category(name), f"{distinct} different texts in {len(known)} rows")


def _infer_tags(known: pl.Series, distinct: int) -> Guess | None:
    best: tuple[float, Guess] | None = None
    for separator in SEPARATORS:
        counts = known.str.count_matches(separator, literal=True)
        several = int((counts > 0).sum()) / len(known)
        # The same number of parts in every value is a structure ("Smith, John"), not a set.
        if several < 0.02 or counts.n_unique() < 2:
            continue
        parts = known.str.split(separator).explode().str.strip_chars()
        parts = parts.filter(parts != "")
        names = parts.n_unique()
        words = parts.str.count_matches(r"[\p{L}\p{N}]+").mean()
        # In running text what stands between commas is long and does not come again.
        reused = names < distinct or names / len(parts) < 0.8 * distinct / len(known)
        if isinstance(words, int | float) and words <= 3 and reused and (best is None or several > best[0]):
            why = (
                f"{names} different names separated by {separator!r}, "
                f"in {100 * several:.0f} % of the values more than one"
            )
            best = (several, Guess(Tags(known.name, separator=separator), why))
    return None if best is None else best[1]
