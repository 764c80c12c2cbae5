"""Columns that do not go in."""

from __future__ import annotations

from collections.abc import Sequence

from cotrain.data._schema import DROP, ColumnNote
from cotrain.data.checks._base import Problem

#: From this share of missing values on, a column hardly helps.
EMPTY = 0.95


def check_columns(notes: Sequence[ColumnNote]) -> list[Problem]:
    """Return a note per column that is left out or nearly empty, and an error per open question.

    Args:
        notes: from `Schema.describe`.

    Example:
        >>> check_columns([ColumnNote("x", "drop", "constant: every value is 1", 1, 0.0, "1")])[0].sentence
        "Column 'x' is left out: constant: every value is 1."
    """
    problems = []
    for note in notes:
        values = {"missing": note.missing, "distinct": note.distinct}
        if note.doubt:
            problems.append(Problem("error", "columns", note.column, note.why, values))
        elif note.kind == DROP:
            sentence = f"Column {note.column!r} is left out: {note.why}."
            problems.append(Problem("note", "columns", note.column, sentence, values))
        elif note.missing > EMPTY:
            sentence = (
                f"Column {note.column!r} is empty in {note.missing:.1%} of the rows: consider to drop it."
            )
            problems.append(Problem("warning", "columns", note.column, sentence, values))
    return problems
