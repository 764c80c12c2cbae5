"""Look at the data of a configuration without training on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

from cotrain.comparison.runs._train_run import label_coverage
from cotrain.data import Schema, find_problems, read_table, split_rows, strata
from cotrain.learner import Configuration


@final
@dataclass(frozen=True)
class CheckReport:
    """What `cotrain check` found.

    Args:
        n_rows: rows of the table.
        n_unlabelled: rows without any label.
        tasks: task -> kind.
        coverage: task -> part of the split -> labelled rows.
        columns: one record per column that is no target.
        problems: records with severity, check, subject, sentence and values, the gravest first.
    """

    n_rows: int
    n_unlabelled: int
    tasks: dict[str, str]
    coverage: dict[str, dict[str, int]]
    columns: list[dict[str, Any]]
    problems: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return dict(vars(self))


def check_data(configuration: Configuration) -> CheckReport:
    """Read the data, split it as training would, and look for what may be wrong.

    Raises:
        DataError: the data cannot be read or learned from at all.
    """
    frame = read_table(configuration.data, configuration.query)
    tasks = configuration.learner.tasks
    labels = strata(frame, tasks)
    parts = split_rows(frame, configuration.split, configuration.learner.seed, labels)
    targets = [column for task in tasks for column in task.columns]
    left_out = configuration.split.columns
    schema = Schema.infer(
        frame[parts["train"]], exclude=[*targets, *left_out], overrides=configuration.learner.columns
    )
    problems = find_problems(frame, tasks, schema, parts)
    return CheckReport(
        n_rows=frame.height,
        n_unlabelled=len(parts["unlabelled"]) + len(parts["unused"]),
        tasks={task.name: type(task).__name__ for task in tasks},
        coverage=label_coverage(labels, parts),
        columns=[asdict(note) for note in schema.describe()],
        problems=[asdict(problem) for problem in problems],
    )
