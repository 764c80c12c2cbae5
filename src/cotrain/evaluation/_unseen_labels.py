"""Labels of values that training did not have, on which no prediction can be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from cotrain.tasks import Task
from cotrain.tasks._condition import rows_where

#: So many values are named.
_SHOWN = 5


def unseen_labels(tasks: Sequence[Task], frame: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return task -> "column=value" -> labels of a table with that value, the tasks without any left out.

    Args:
        tasks: fitted.
        frame: with their target columns.

    Example:
        >>> from cotrain.tasks import Multiclass
        >>> task = Multiclass("code")
        >>> task.fit(pl.DataFrame({"code": ["01", "02"] * 5}))
        >>> unseen_labels([task], pl.DataFrame({"code": ["1", "01", None]}))
        {'code': {'code=1': 1}}
    """
    found = {}
    for task in tasks:
        rows = frame
        if task.when is not None:
            rows = frame.filter(pl.Series(rows_where(frame, task.when, task.name).numpy()))
        if counts := task.unseen(rows):
            found[task.name] = counts
    return found


def unseen_sentences(unseen: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a sentence for each task with labels that training did not have.

    Example:
        >>> unseen_sentences({"code": {"code=1": 2, "code=2": 1}})[0].split(":")[:2]
        ['code', ' 3 labels are of 2 values that training did not have (code=1 2 times, code=2 once)']
    """
    return [_sentence(task, counts) for task, counts in unseen.items()]


def _sentence(task: str, counts: Mapping[str, int]) -> str:
    total, n_values = sum(counts.values()), len(counts)
    named = ", ".join(
        f"{value} {'once' if n == 1 else f'{n:,} times'}" for value, n in list(counts.items())[:_SHOWN]
    )
    more = f" and {n_values - _SHOWN} more" if n_values > _SHOWN else ""
    labels = f"{total:,} label{'s are' if total > 1 else ' is'}"
    of = "a value" if n_values == 1 else f"{n_values:,} values"
    return (
        f"{task}: {labels} of {of} that training did not have ({named}{more}): the figures count them as "
        "wrong, or leave them out where a task has two values or ordered levels."
    )
