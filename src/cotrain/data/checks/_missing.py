"""Words that were taken for nothing."""

from __future__ import annotations

from cotrain.data._table import TypedTable
from cotrain.data.checks._base import Problem


def check_missing(table: TypedTable) -> list[Problem]:
    """Return a note with the words that mean "nothing", and one per column whose cells had any.

    Args:
        table: as it was read.

    Example:
        >>> import polars as pl
        >>> table = TypedTable.read(pl.DataFrame({"country": ["NA", "DE", "FR"]}))
        >>> check_missing(table)[1].sentence[:60]
        "Column 'country' has 1 cell taken for missing: 'NA' (1); if "
    """
    words = ", ".join(repr(word) for word in table.missing.of("*"))
    sentence = (
        f"An empty cell is missing, and so are the words {words or '(none)'}: set missing to change them."
    )
    problems = [Problem("note", "missing", "", sentence, {"words": list(table.missing.of("*"))})]
    for column, counts in table.blanked.items():
        total = sum(counts.values())
        shown = ", ".join(f"{word!r} ({count:,})" for word, count in counts.items())
        sentence = (
            f"Column {column!r} has {total:,} cell{'s' * (total > 1)} taken for missing: {shown}; if one "
            f"is a value, list the others under missing: {{{column}: [...]}}."
        )
        problems.append(Problem("note", "missing", column, sentence, {"counts": counts}))
    return problems
