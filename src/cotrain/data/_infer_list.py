"""Whether lists are words in order, sets of names, or notes on the words of another column."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import polars as pl

from cotrain.data._nested import nested_column
from cotrain.data.columns import Column, Tags, Vector, Words

_WORDS_NAME = re.compile(r"(?i)(^|[_\W])(tokens?|words?|text|sentences?|forms?|utterances?)$")
_TAGS_NAME = re.compile(r"(?i)(tags?|genres?|labels?|categor(y|ies)|keywords?|topics?|skills?)$")
#: From this share of rows that hold an entry twice on, lists are words in order: a set holds nothing twice.
REPEATED = 0.05
#: Or from this share of entries without a letter or digit on: marks.
MARKS = 0.02
#: Lists of which so many are in alphabetical order were sorted by someone.
SORTED = 0.9


def infer_list(lists: pl.Series) -> tuple[Column | None, str]:
    """Return the kind of a column of lists of strings, and what that rests on; `None`: nothing is in them.

    Words in order repeat ("the ... the") and have marks among them; names of a set come once a row, often
    sorted. Where the values leave it open the name of the column decides, and without one they are a set.

    Args:
        lists: lists of strings.

    Example:
        >>> column, why = infer_list(pl.Series("said", [["the", "film", "of", "the", "year"], ["see", "it"]]))
        >>> type(column).__name__, why
        ('Words', 'lists of words in order: 50 % of them repeat one, 6 different, 3.5 each')
    """
    name = lists.name
    known = lists.drop_nulls()
    known = known.filter(known.list.len() > 0)
    if not len(known):
        return None, "all lists are empty"
    entries = known.explode().drop_nulls()
    several = known.filter(known.list.len() > 1)
    repeated = _share(several.list.n_unique() < several.list.len())
    by_alphabet = len(several) > 20 and _share(several.list.sort() == several) > SORTED
    marks = _share(~entries.str.contains(r"[\p{L}\p{N}]"))
    figures = f"{entries.n_unique():,} different, {len(entries) / len(known):.1f} each"
    if repeated >= REPEATED and not (_TAGS_NAME.search(name) and repeated < 0.5):
        return Words(name), f"lists of words in order: {100 * repeated:.0f} % of them repeat one, {figures}"
    if marks >= MARKS:
        return Words(name), f"lists of words in order: there are marks among them, {figures}"
    if _WORDS_NAME.search(name) and not by_alphabet:
        return Words(name), f"lists of words in order, as the name says: {figures}"
    sort = "sorted lists" if by_alphabet else "lists"
    return Tags(name), f"{sort} of values, hardly any twice in one: {figures}; if in order, call them words"


def infer_numbers(lists: pl.Series, *, fixed: bool = False) -> tuple[Column | None, str]:
    """Return the kind of a column of lists of numbers, and what that rests on; `None`: it cannot be used.

    Fractions are measurements, whose places mean something. Whole numbers may be numbers of things, such as
    the films that someone has seen.

    Args:
        lists: lists of numbers.
        fixed: whether the type of the column says that all are of one length, as that of arrays does.

    Example:
        >>> infer_numbers(pl.Series("embedding", [[0.5, 1.0], None, [1.5, 3.0]]))[1]
        'vectors of 2 numbers'
        >>> type(infer_numbers(pl.Series("seen", [[7, 12], [7, 3]]))[0]).__name__
        'Tags'
    """
    lengths = lists.list.len().drop_nulls()
    entries = lists.explode().drop_nulls().cast(pl.Float64)
    if not len(entries):
        return None, "all lists are empty"
    if not fixed and bool((entries == entries.round(0)).all()):
        return Tags(lists.name), "lists of whole numbers, as names of things; if places count, a vector"
    if lengths.n_unique() > 1:
        least, most = lengths.min(), lengths.max()
        return None, f"lists of {least} to {most} numbers: as a vector each would have to have as many"
    return Vector(lists.name), f"vectors of {lengths[0]:,} numbers"


def annotation_columns(
    frame: pl.DataFrame, names: Sequence[str], targets: Sequence[str] = ()
) -> dict[str, str]:
    """Return the list columns that hold a value for each entry of another one: column -> that other one.

    Such a column (a part of speech, a lemma, the number of the head of every word) is made from the words by
    whoever labelled them. At prediction it is not there, so it is no input unless the user says so. Of
    columns whose lists have equal lengths in 99 of 100 rows the words are the one whose name says so, or else
    the one of most different entries.

    Args:
        frame: the training rows.
        names: the columns to look at.
        targets: columns that may hold such values, but are no words themselves.

    Example:
        >>> rows = [["a", "dog", "ran"], ["stop"], ["dogs", "ran"], ["who", "ran"], ["it", "is", "a", "dog"]]
        >>> frame = pl.DataFrame({"said": rows, "size": [[len(word) for word in row] for row in rows]})
        >>> annotation_columns(frame, frame.columns)
        {'size': 'said'}
    """
    columns = [*names, *targets]
    lists = {name: found for name in columns if (found := value_lists(frame[name])) is not None}
    if len(lists) < 2:
        return {}
    lengths = {name: column.list.len() for name, column in lists.items()}
    distinct = {name: column.explode().n_unique() for name, column in lists.items()}
    order = sorted(lists, key=lambda n: (n in targets, not _WORDS_NAME.search(n), -distinct[n]))
    found: dict[str, str] = {}
    for place, words in enumerate(order):
        if words not in found and words not in targets and lists[words].dtype == pl.List(pl.String):
            rest = [name for name in order[place + 1 :] if name not in found]
            found |= {name: words for name in rest if _go_together(lengths[words], lengths[name])}
    return found


def value_lists(values: pl.Series) -> pl.Series | None:
    """Return a column of lists of plain values, be they lists or JSON; `None`: it is none."""
    dtype = values.dtype
    if isinstance(dtype, pl.List):
        nested = isinstance(dtype.inner, pl.DataType) and dtype.inner.is_nested()
        return None if nested else values
    known = values.drop_nulls() if dtype == pl.String else values[:0]
    if not len(known) or not known.str.contains(r"^\[.*\]$").all():
        return None
    try:
        read = [None if cell is None else json.loads(cell) for cell in values.to_list()]
    except ValueError:
        return None
    found = nested_column(values.name, read)
    return value_lists(found) if found is not None else None


def _go_together(one: pl.Series, other: pl.Series) -> bool:
    known = pl.DataFrame({"one": one, "other": other}).drop_nulls()
    varied = known["one"].n_unique() > 1 and known.height >= 5
    return varied and int((known["one"] != known["other"]).sum()) <= 0.01 * known.height


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / max(1, len(flags))
