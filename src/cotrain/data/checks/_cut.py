"""Rows whose names a column cuts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cotrain.data.checks._base import Problem
from cotrain.data.columns import Column, Tags


def check_cut(frame: pl.DataFrame, columns: Sequence[Column]) -> list[Problem]:
    """Return a warning per tags column that reads fewer names of some rows than these have.

    Args:
        frame: the training rows.
        columns: of the schema; they are not changed.

    Example:
        >>> frame = pl.DataFrame({"genres": ["War, Drama", "Drama"] * 9})
        >>> check_cut(frame, [Tags("genres", max_tokens=1)])[0].values["rows"]
        9
    """
    problems = []
    for column in columns:
        if not isinstance(column, Tags):
            continue
        fitted = Tags.from_json({**column.to_json(), "state": column.learn(frame[column.name])})
        if fitted.cut:
            width = fitted.state["width"]
            sentence = (
                f"Column {column.name!r} has more than {width} names in {fitted.cut:,} training rows; the "
                f"rest is cut: set columns: {{{column.name}: "
                "{kind: tags, max_tokens: ...}}."
            )
            problems.append(
                Problem("warning", "cut", column.name, sentence, {"rows": fitted.cut, "width": width})
            )
    return problems
