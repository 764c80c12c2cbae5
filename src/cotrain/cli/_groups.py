"""The test rows of a run, divided by what stands in a column."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

#: A column of numbers with more values than this is cut into quarters of its rows.
MOST_VALUES = 12


def errors_by_column(run: Path, column: str, *, trust: bool = False) -> dict[str, Any]:
    """Return the errors of a run's network on its test rows, by the groups of a column.

    Args:
        run: a finished run folder; its table must still be where it was.
        column: of the table; it need not be an input.
        trust: whether kinds from outside this library may be imported.

    Returns:
        `column`, `tasks`: task -> records of `errors_by_group`, and `sentences` about what stands out.

    Raises:
        DataError: the table has no such column, or no test rows.
        RunError: the folder is not a finished run, or its test rows are no longer those of the table.
    """
    from cotrain._base import DataError, did_you_mean
    from cotrain.evaluation import errors_by_group
    from cotrain.learner import Configuration, Learner, SplitTable
    from cotrain.learner._run_record import require_same_rows

    learner = Learner.load(run, trust=trust)
    configuration = Configuration.read(run, trust=trust)
    split = SplitTable.of(configuration)
    frame, test = split.frame, split["test"]
    if column not in frame.columns:
        raise DataError(f"--by {column}: the table has no such column; {did_you_mean(column, frame.columns)}")
    if not test.height:
        raise DataError(f"--by {column}: {run} has no test rows, because its split has none.")
    groups = groups_of(test[column])
    examples = learner.preprocessor.examples(test)
    require_same_rows(run, {"test": examples.fingerprint()})
    records = learner.fitted.evaluation(test, examples=examples).records
    tied = configuration.split.dependence(test)
    tasks = {name: errors_by_group(of_task, groups, dependence=tied) for name, of_task in records.items()}
    return {"column": column, "tasks": tasks, "sentences": _sentences(column, tasks)}


def groups_of(values: pl.Series) -> list[str | None]:
    """Return a name for the group of every value: itself, its year, or the quarter of rows it falls into.

    Example:
        >>> groups_of(pl.Series([float(i) for i in range(16)]))[::5]
        ['up to 3.75', '3.75 to 7.5', '7.5 to 11.25', 'above 11.25']
        >>> groups_of(pl.Series(["a", None]))
        ['a', None]
    """
    if values.dtype.is_temporal() and values.dtype not in (pl.Time, pl.Duration):
        values = values.dt.year()
    if not values.dtype.is_numeric() or values.n_unique() <= MOST_VALUES:
        return [None if value is None else str(value) for value in values.to_list()]
    known = values.drop_nulls().drop_nans() if values.dtype.is_float() else values.drop_nulls()
    ends = sorted({float(known.quantile(q, "linear") or 0.0) for q in (0.25, 0.5, 0.75)})
    names = [f"up to {ends[0]:.6g}", *(f"{a:.6g} to {b:.6g}" for a, b in pairwise(ends))]
    names.append(f"above {ends[-1]:.6g}")
    return [
        None if value is None or value != value else names[sum(value > end for end in ends)]
        for value in values.to_list()
    ]


def _sentences(column: str, tasks: dict[str, list[dict[str, Any]]]) -> list[str]:
    from cotrain.evaluation import figure

    def shown(record: dict[str, Any], name: str) -> str:
        return figure(record[name], small=record["direction"] == "min")

    sentences = []
    for task, records in tasks.items():
        sentences += [
            f"{task} is worse where {column} is {record['group']}: {record['metric']} "
            f"{shown(record, 'value')} on {record['n_labelled']} rows, {shown(record, 'rest')} on the "
            "others. Look at these rows and at how many of them there are in training."
            for record in records
            if record["word"] == "worse"
        ]
    if not any(tasks.values()):
        return [f"{column} has one value only on the labelled test rows: there are no groups to compare."]
    if all(record["too_few"] for records in tasks.values() for record in records):
        return [f"No group of {column} has labels enough on the test rows for a word."]
    return sentences or [f"No task is clearly worse on any group of {column}."]
