"""Whether lists of strings are words in order or sets of names."""

from __future__ import annotations

import re

import polars as pl

from cotrain.data.columns import Column, Tags, Words

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


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / max(1, len(flags))
