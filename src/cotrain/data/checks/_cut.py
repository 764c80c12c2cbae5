"""Rows of which a column reads a part."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cotrain._base import parameters_of
from cotrain.data.checks._base import Problem
from cotrain.data.columns import Column


def check_cut(frame: pl.DataFrame, columns: Sequence[Column]) -> list[Problem]:
    """Return a warning per column that reads fewer names or words of some rows than these have.

    Args:
        frame: the training rows.
        columns: of the schema; they are not changed.

    Example:
        >>> from cotrain.data.columns import Tags
        >>> frame = pl.DataFrame({"genres": ["War, Drama", "Drama"] * 9})
        >>> check_cut(frame, [Tags("genres", max_tokens=1)])[0].values["rows"]
        9
    """
    problems, ours = [], [type(column)(**parameters_of(column)) for column in columns]
    for column in ours:
        column.agree(ours, frame)
    for column in ours:
        if not column.cut_by:
            continue
        fitted = type(column).from_json({**column.to_json(), "state": column.learn(frame[column.name])})
        if fitted.cut:
            most = fitted.state.get("width", getattr(column, column.cut_by))
            sentence = (
                f"Column {column.name!r} has more than {most} {column.entries} in {fitted.cut:,} training "
                f"rows; {fitted.cut_remark}."
            )
            problems.append(
                Problem("warning", "cut", column.name, sentence, {"rows": fitted.cut, "width": most})
            )
    return problems
