"""One column of several tables, of one type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._missing import Missing
from cotrain.data._nested import nested_column
from cotrain.data._schema import ColumnChoice
from cotrain.data._table import settle_column
from cotrain.data.columns._values import text_values
from cotrain.data.columns._word_lists import spell_lists

#: Types that are one type together.
_TOGETHER = ({"integer", "number"}, {"date", "datetime"})
#: What is a code where another table has numbers: 007, +49, 1e3.
_DIGITS = r"^[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?$"
_KINDS = {
    "integer": "numbers",
    "number": "numbers",
    "boolean": "true and false",
    "text": "text",
    "date": "dates",
    "datetime": "times",
    "other": "lists",
}

#: A source's name and its part of a column; a number of rows where it has no such column.
Part = tuple[str, pl.Series | int]


def join_column(
    column: str, parts: Sequence[Part], missing: Missing, kind: str | None, *, choice: ColumnChoice | None
) -> pl.Series:
    """Return the parts below one another, null where a source has no such column.

    Cells of one type stay as they are; cells of several are joined as the text that a file would have, so
    that the inference sees what it would see in one table written by hand.

    Args:
        column: its name.
        parts: of the sources, in the order of the rows.
        missing: words that mean "nothing".
        kind: the type that the column has in training, if that is known; then nothing is in doubt.
        choice: the kind that the user has chosen for the column.

    Raises:
        DataError: it is of types that have nothing to do with one another, and the user has chosen no kind.

    Example:
        >>> parts = [("a", pl.Series("zip", ["00501"])), ("b", pl.Series("zip", [12345])), ("c", 1)]
        >>> join_column("zip", parts, Missing(), None, choice=None).to_list()
        ['00501', '12345', None]
    """
    known = [(name, part) for name, part in parts if isinstance(part, pl.Series) and _filled(part)]
    nested = [part.dtype.is_nested() for _, part in known]
    if any(nested):
        if not all(nested):
            # A column that was text in training may come as lists from some sources again.
            known = _as_text(column, known, "words" if kind == "text" else choice)
        elif len({part.dtype for _, part in known}) > 1:
            known = _of_one_type(column, known)
    else:
        if kind is None and choice is None:
            _require_one_type(column, known, missing)
        if len({part.dtype for _, part in known}) > 1:
            known = [(name, _spelled(part)) for name, part in known]
    dtype = known[0][1].dtype if known else pl.String()
    filled = iter(known)
    laid: list[pl.Series] = []
    for _, part in parts:
        if isinstance(part, pl.Series) and _filled(part):
            laid.append(next(filled)[1])
        else:
            height = part if isinstance(part, int) else len(part)
            laid.append(pl.Series(column, [None], dtype=dtype).new_from_index(0, height))
    return pl.concat(laid).alias(column)


def _of_one_type(column: str, parts: Sequence[tuple[str, pl.Series]]) -> list[tuple[str, pl.Series]]:
    """Return nested columns in one type: lists of plain values as lists of texts."""
    inner = [
        part.dtype.inner if isinstance(part.dtype, pl.List | pl.Array) else pl.Struct for _, part in parts
    ]
    if not any(of.is_nested() for of in inner):
        return [(name, part.cast(pl.List(pl.String))) for name, part in parts]
    joined = nested_column(column, [cell for _, part in parts for cell in part.to_list()])
    if joined is None:
        said = " and ".join(f"{part.dtype} in source {name!r}" for name, part in parts[:2])
        raise DataError(f"Column {column!r} holds {said}: rename it in one of them, or give both one form.")
    ends = np.cumsum([len(part) for _, part in parts])
    return [(name, joined[end - len(part) : end]) for (name, part), end in zip(parts, ends, strict=True)]


def _filled(part: pl.Series) -> bool:
    return part.null_count() < len(part)


def _spelled(part: pl.Series) -> pl.Series:
    if part.dtype == pl.String:
        return part
    return text_values(part) if part.dtype.is_float() else part.cast(pl.String)


def _require_one_type(column: str, parts: Sequence[tuple[str, pl.Series]], missing: Missing) -> None:
    """Raise `DataError` if the sources mean different things by a column."""
    settled = [(name, *settle_column(part, missing)) for name, part in parts]
    settled = [(name, values, kind) for name, values, kind in settled if kind != "empty"]
    types = {kind for *_, kind in settled}
    if len(types) < 2 or any(types <= together for together in _TOGETHER):
        return
    texts = [values for _, values, kind in settled if kind == "text"]
    if types <= {"text", "integer", "number"} and all(
        bool(values.drop_nulls().str.contains(_DIGITS).all()) for values in texts
    ):
        return  # codes of digits, of which some sources have none that begins with 0
    first = settled[0]
    other = next(one for one in settled if one[2] != first[2] and not {one[2], first[2]} <= _TOGETHER[0])
    said = " and ".join(
        f"{_KINDS[kind]} in source {name!r} (such as {values.drop_nulls()[0]!r})"
        for name, values, kind in (first, other)
    )
    raise DataError(
        f"Column {column!r} holds {said}: rename it in one of them, mend its cells, or, if it is an input, "
        f"give its kind, such as columns: {{{column}: category}}."
    )


def _as_text(
    column: str, parts: Sequence[tuple[str, pl.Series]], choice: ColumnChoice | None
) -> list[tuple[str, pl.Series]]:
    """Spell lists of words as text where other sources have text."""
    lists = [name for name, part in parts if part.dtype.is_nested()]
    texts = [name for name, part in parts if not part.dtype.is_nested()]
    kind = choice if isinstance(choice, str) or choice is None else choice.get("kind")
    if kind != "words":
        raise DataError(
            f"Column {column!r} holds lists in source {lists[0]!r} and text in source {texts[0]!r}: rename "
            f"it in one of them, or, if it is running text, say columns: {{{column}: words}} to have it cut."
        )
    # As a file without lists has them: who reads words knows such cells, and learns to cut from the others.
    spelled = (spell_lists(part) if part.dtype.is_nested() else text_values(part) for _, part in parts)
    return list(zip([name for name, _ in parts], spelled, strict=True))
