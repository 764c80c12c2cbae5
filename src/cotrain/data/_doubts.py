"""What a column of text leaves open, so that its user has to say."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cotrain.data._spelling import spells_number

#: Fewer cells than this are too few to speak of an exception among them.
LEAST = 20
#: Up to this share of cells that are no numbers are exceptions; more are another kind of column.
EXCEPTIONS = 0.02
#: Numbers that are codes of a few classes may well have a class "X" beside them.
DIFFERENT = 10
_DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})*(\.\d+)?$"
_SLASHES = r"^\d{1,2}([/-])\d{1,2}[/-]\d{4}$"


@dataclass(frozen=True)
class Doubt:
    """A question about a column.

    Args:
        kind: the kind that it most likely is, "number" or "date".
        sentence: what was seen and how to answer.
        exceptions: what was seen where the column has a few cells that are no numbers, without the answer.
    """

    kind: str
    sentence: str
    exceptions: str = ""


def doubt_of(text: pl.Series) -> Doubt | None:
    """Return what a text column leaves open: a bad cell among numbers, 1,5, or 01/02/2020.

    Args:
        text: stripped, null where missing; settled, so that it spells neither numbers nor ISO dates.

    Example:
        >>> years = pl.Series("year", [str(year) for year in range(1980, 2020)] + ["V"])
        >>> doubt_of(years).sentence[:49]
        "1 of 41 values of column 'year' is no number: 'V'"
        >>> doubt_of(pl.Series("day", ["01/02/2020", "03/04/2021"])).kind
        'date'
    """
    known = text.drop_nulls()
    head = known.head(256)
    if not len(known):
        return None
    name = text.name
    if head.str.contains(_SLASHES).all() and known.str.contains(_SLASHES).all():
        return _day_or_month(name, known)
    if head.str.contains(r"^[+-]?[\d.]+(,\d+)*(\.\d+)?$").all() and known.str.contains(",").any():
        return _comma(name, known)
    numbers = head.cast(pl.Float64, strict=False)
    return _exceptions(name, known) if numbers.null_count() <= 0.1 * len(head) else None


def _day_or_month(name: str, known: pl.Series) -> Doubt | None:
    mark = "/" if "/" in known[0] else "-"
    months = (f"%m{mark}%d{mark}%Y", f"%d{mark}%m{mark}%Y")
    reads = [known.str.to_date(spelling, strict=False).null_count() == 0 for spelling in months]
    if not all(reads):
        return None
    return Doubt(
        "date",
        f"Column {name!r} has dates such as {known[0]!r}, and all of them read as month{mark}day as well as "
        f"day{mark}month: say which, with columns: {{{name}: {{kind: date, format: '{months[1]}'}}}} or "
        f"'{months[0]}'.",
    )


def _comma(name: str, known: pl.Series) -> Doubt | None:
    example = known.filter(known.str.contains(","))[0]
    if known.str.contains(_DECIMAL_COMMA).all():
        return Doubt(
            "number",
            f"Column {name!r} has values such as {example!r}, which may be numbers or names separated by "
            f"commas: say which, with columns: {{{name}: {{kind: number, decimal: ','}}}}, "
            f"{{kind: number, thousands: ','}}, or tags.",
        )
    if known.str.contains(_THOUSANDS).all():
        return Doubt(
            "number",
            f"Column {name!r} has values such as {example!r}, which look like numbers with commas after "
            f"thousands: say so, with columns: {{{name}: {{kind: number, thousands: ','}}}}, or call it a "
            "category.",
        )
    return None


def _exceptions(name: str, known: pl.Series) -> Doubt | None:
    parsed = known.cast(pl.Float64, strict=False).is_not_null()
    bad = known.filter(~parsed)
    plain = spells_number(known.filter(parsed))
    if not len(bad) or len(known) < LEAST or len(bad) > max(1, EXCEPTIONS * len(known)) or not plain.all():
        return None
    if known.filter(parsed).n_unique() < DIFFERENT:
        return None
    words = bad.unique(maintain_order=True).to_list()
    shown = ", ".join(repr(word[:40]) for word in words[:3]) + (", …" if len(words) > 3 else "")
    are = "is no number" if len(bad) == 1 else "are no numbers"
    seen = f"{len(bad):,} of {len(known):,} values of column {name!r} {are}: {shown}"
    return Doubt(
        "number",
        f"{seen}: mend {'it' if len(bad) == 1 else 'them'}, say that such a word means nothing with missing: "
        f"{{{name}: [{words[0][:40]!r}]}}, or declare the column a category or text.",
        exceptions=seen,
    )
