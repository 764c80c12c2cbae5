"""Which kind a column seems to be, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

import polars as pl

from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain._base._sounds import SOUND_ENDINGS, is_sound_data
from cotrain.data._doubts import doubt_of
from cotrain.data._file_paths import absent_file, are_files, is_paths
from cotrain.data._infer_list import infer_list, infer_numbers
from cotrain.data._label_cells import are_labelled_things
from cotrain.data._row_numbers import WHY
from cotrain.data._spelling import settle_numbers, settle_text
from cotrain.data.columns import Boolean, Category, Column, Date, Number, Picture, Sound, Tags, Text
from cotrain.data.columns._date import find_format
from cotrain.data.columns._number_lists import number_lists
from cotrain.data.columns._segmenting import count_words
from cotrain.data.columns._values import text_values
from cotrain.data.columns._word_lists import json_lists

#: Separators of tags, the unambiguous ones first.
SEPARATORS = ("|", ";", "；", "、", "，", ",", "/")
#: Up to so many different whole numbers are coded one by one as well.
FEW = 10
#: How the bytes of a PNG, JPEG, GIF, BMP, TIFF, WebP, PBM, PGM, PPM, JPEG 2000 and AVIF file begin; those of
#: a wav file begin with RIFF, too.
_PICTURE_STARTS = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF",
    b"P4", b"P5", b"P6", b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51",
    *(bytes([0, 0, 0, n]) + b"ftypavif" for n in range(20, 64, 4)),
)  # fmt: skip
_ID_NAME = re.compile(r"(?i:(^|[_\W])(id|uuid|guid|key|index|idx)$)|(?<=[a-z])I[Dd]$")


@dataclass(frozen=True)
class Guess:
    """A column's kind.

    Args:
        column: the column, not yet fitted; `None` = left out.
        why: one clause that says what the decision rests on.
        doubt: a sentence on what the values leave open and how to answer; empty where nothing is.

    Example:
        >>> Guess(None, "all values are missing").column is None
        True
    """

    column: Column | None
    why: str
    doubt: str = ""


def infer_kind(values: pl.Series, *, bins: int = 0, typed: bool = False) -> Guess:
    """Guess the kind of a column from its training values.

    Args:
        values: the training rows' values.
        bins: passed on to `Number`.
        typed: whether the column's type is settled, by more rows than these: then text stays text, even
            where these rows spell numbers.

    Example:
        >>> genres = ["Drama", "Action, Drama", "Action", "Drama, War", "War"] * 9
        >>> guess = infer_kind(pl.Series("genre", genres))
        >>> type(guess.column).__name__, guess.why
        ('Tags', "3 different names separated by ',', in 40 % of the values more than one")
    """
    name, dtype = values.name, values.dtype
    guess = _infer_cells(values)
    if guess is not None:
        return guess
    if dtype.is_float():
        values = settle_numbers(values.fill_nan(None))
    known = (text_values(values) if dtype == pl.String else values).drop_nulls()
    known = settle_text(known) if known.dtype == pl.String and not typed else known
    distinct = known.n_unique()
    if len(known) == 0:
        return Guess(None, "all values are missing")
    lists = json_lists(known) if known.dtype == pl.String else None
    if lists is not None and not lists.null_count():
        return Guess(*infer_list(lists))
    if known.dtype == pl.String and not (numbers := number_lists(known)).null_count():
        return Guess(*infer_numbers(numbers))
    if distinct == 1 and len(known) == len(values):
        return Guess(None, f"constant: every value is {known[0]!r}")
    if known.dtype == pl.Boolean:
        return Guess(Boolean(name), "true or false")
    if known.dtype.is_temporal():
        return Guess(Date(name), f"values of type {known.dtype}")
    if known.dtype.is_numeric():
        guess = _infer_number(known, distinct, bins)
        return Guess(guess.column, f"text that spells {guess.why}") if dtype == pl.String else guess
    return _infer_text(known.cast(pl.String), distinct)


def _infer_cells(values: pl.Series) -> Guess | None:
    """Return the kind of lists, pictures, sounds, or of what cannot be used; `None`: of other cells."""
    name, dtype = values.name, values.dtype
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        if inner in (pl.String, pl.Categorical, pl.Enum, pl.Null):
            return Guess(*infer_list(values.cast(pl.List(pl.String))))
        plain = isinstance(inner, type) or not inner.is_nested()  # type: ignore[union-attr]
        if plain and inner.is_numeric():
            return Guess(*infer_numbers(number_lists(values), fixed=isinstance(dtype, pl.Array)))
        if plain:
            return Guess(Tags(name), "lists of values")
    if is_picture(values):
        return Guess(Picture(name), "pictures" if dtype != pl.String else "paths of pictures that exist")
    if is_sound(values):
        return Guess(Sound(name), "sounds" if dtype != pl.String else "paths of sounds that exist")
    if are_labelled_things(values):
        return Guess(None, "boxes, points or areas with labels, which are no input")
    if dtype.is_nested() or dtype in (pl.Object, pl.Binary, pl.Duration, pl.Time):
        return Guess(None, f"values of type {dtype} cannot be used")
    return None


def is_picture(values: pl.Series) -> bool:
    """Whether these are paths of pictures, the bytes of their files, or mappings of bytes and path."""
    if values.dtype == pl.Struct:
        names = set(values.struct.fields)
        return "bytes" in names and names <= {"bytes", "path"} and is_picture(values.struct.field("bytes"))
    if values.dtype == pl.Binary:
        known = values.drop_nulls().head(20).to_list()
        return bool(known) and all(
            value.startswith(_PICTURE_STARTS) and not is_sound_data(value) for value in known
        )
    return values.dtype == pl.String and is_paths(text_values(values.drop_nulls().head(100)), PICTURE_ENDINGS)


def is_sound(values: pl.Series) -> bool:
    """Whether these are paths of sounds, the bytes of their files, or mappings of these or of samples."""
    if values.dtype == pl.Struct:
        names = set(values.struct.fields)
        if {"array", "sampling_rate"} <= names:
            return True
        return "bytes" in names and names <= {"bytes", "path"} and is_sound(values.struct.field("bytes"))
    if values.dtype == pl.Binary:
        known = values.drop_nulls().head(20).to_list()
        return bool(known) and all(is_sound_data(value) for value in known)
    return values.dtype == pl.String and is_paths(text_values(values.drop_nulls().head(100)), SOUND_ENDINGS)


def _infer_files(known: pl.Series) -> Guess | None:
    """Return what names of files are: a question where pictures or sounds are nowhere; `None`: no names."""
    for cls, endings, things in ((Picture, PICTURE_ENDINGS, "pictures"), (Sound, SOUND_ENDINGS, "sounds")):
        absent = absent_file(known.head(100), endings)
        if absent is not None:
            doubt = (
                f"Column {known.name!r} has names of {things}, but there is no such file as {absent!r}: "
                "correct the paths, which are relative to the file of the table, or leave them out, with "
                f"columns: {{{known.name}: drop}}."
            )
            return Guess(cls(known.name), f"names of {things} that do not exist", doubt)
    if are_files(known.head(100)):
        kinds = ", ".join(sorted({PurePath(name).suffix.lower() for name in known.head(100).to_list()})[:4])
        return Guess(None, f"paths of files ({kinds}), of which only pictures and sounds are read")
    return None


def _infer_number(known: pl.Series, distinct: int, bins: int) -> Guess:
    name = known.name
    if known.dtype.is_integer() and len(known) > 20:
        steps = known.diff().drop_nulls()
        if _ID_NAME.search(name):
            if distinct == len(known):
                return Guess(None, "an identifier: whole numbers, all different, and a name that says so")
            return Guess(Category(name), f"whole numbers, {distinct} different, named like an identifier")
        if distinct == len(known) and bool((steps == 1).all()):
            return Guess(None, WHY)
    if known.dtype.is_integer() and known.is_in([0, 1]).all():
        return Guess(Boolean(name), "0 or 1")
    # Few whole numbers may be names of classes, in no order: they get a code each beside the number.
    few = 2 < distinct <= FEW and known.dtype.is_integer()
    return Guess(
        Number(name, bins=max(bins, FEW) if few else bins),
        f"numbers, {distinct} different" + (" (also coded one by one)" if few else ""),
    )


def _infer_text(known: pl.Series, distinct: int) -> Guess:
    name, share = known.name, distinct / len(known)
    files = _infer_files(known)
    if files is not None:
        return files
    doubt = doubt_of(known)
    if doubt is not None:
        column = Date(name) if doubt.kind == "date" else Number(name)
        return Guess(column, f"most likely a {doubt.kind}, but the values leave it open", doubt.sentence)
    if known.str.contains(r"^-?\d+$").all():
        # Codes such as 007 or zip codes lose their zeros as numbers.
        return Guess(Category(name), f"digits with leading zeros, {distinct} different")
    spelling = find_format(known)
    if spelling is not None:
        return Guess(Date(name), f"dates spelled {spelling}")
    tags = _infer_tags(known, distinct)
    if tags is not None:
        return tags
    words = count_words(known).mean()
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
        words = count_words(parts).mean()
        # In running text what stands between commas is long and does not come again.
        reused = names < distinct or names / len(parts) < 0.8 * distinct / len(known)
        if isinstance(words, int | float) and words <= 3 and reused and (best is None or several > best[0]):
            why = (
                f"{names} different names separated by {separator!r}, "
                f"in {100 * several:.0f} % of the values more than one"
            )
            best = (several, Guess(Tags(known.name, separator=separator), why))
    return None if best is None else best[1]
