"""What several sources have in common, and what they have not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cotrain.data.checks._base import Labels, Problem


def check_sources(
    frame: pl.DataFrame, labels: Sequence[Labels], inputs: Sequence[str], sources: Mapping[str, np.ndarray]
) -> list[Problem]:
    """Return notes on targets that several sources have, sources without labels, and inputs that one lacks.

    Args:
        frame: the table of all sources.
        labels: from `read_labels`.
        inputs: names of the input columns.
        sources: source -> its row numbers; with fewer than two there is nothing to say.

    Example:
        >>> frame = pl.DataFrame({"x": [1, None], "y": [1, 2]})
        >>> found = check_sources(frame, [], ["x"], {"a": np.array([0]), "b": np.array([1])})
        >>> [problem.subject for problem in found]
        ['a', 'b', 'b']
    """
    if len(sources) < 2:
        return []
    labelled = {label.task.name: label.labelled for label in labels}
    problems: list[Problem] = []
    for label in labels:
        name = label.task.name
        having = [source for source, rows in sources.items() if labelled[name][rows].any()]
        if len(having) > 1:
            shown = ", ".join(map(repr, label.task.columns))
            sentence = (
                f"Target {shown} of task {name!r} has labels in the sources {', '.join(map(repr, having))}: "
                "the task learns from all of them, and the column is an input in none; if it means something "
                "else in one of them, rename it there."
            )
            problems.append(Problem("note", "sources", name, sentence, {"sources": having}))
    for source, rows in sources.items():
        if not any(mask[rows].any() for mask in labelled.values()):
            sentence = (
                f"Source {source!r} has no label of any task: without co-training nothing is learned from it."
            )
            problems.append(Problem("note", "sources", source, sentence, {"rows": len(rows)}))
        own = frame[rows]
        empty = [column for column in inputs if own[column].null_count() == own.height]
        if empty:
            columns = ", ".join(map(repr, empty[:5])) + (" and others" if len(empty) > 5 else "")
            sentence = (
                f"Source {source!r} has no value in the input{'s' * (len(empty) > 1)} {columns}, in all its "
                f"{len(rows)} rows."
            )
            problems.append(Problem("note", "sources", source, sentence, {"columns": empty}))
    return problems
