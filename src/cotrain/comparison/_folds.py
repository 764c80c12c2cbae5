"""The rows of a comparison with cross-validation, as each fold divides them and as all do together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import DataError
from cotrain.data import Fold
from cotrain.learner import Configuration, Preprocessor, SplitTable


def splits_of_folds(configuration: Configuration, n_folds: int) -> list[SplitTable]:
    """Return the table as each fold divides it.

    Raises:
        DataError: a task has many answers a row, or the training rows of a fold lack one of its classes.
        ConfigError: something else says which rows are tested.
    """
    learner = configuration.learner
    many = [task.name for task in learner.tasks if task.reads != "vector"]
    if many:
        raise DataError(
            f"compare.folds is for tasks with one answer a row, and {', '.join(many)} has many: leave out "
            "the folds, or the task."
        )
    folds = [SplitTable.of(configuration, Fold(number, n_folds)) for number in range(n_folds)]
    rows = all_tested(folds)
    known = Preprocessor.fit(rows.typed("train"), learner.tasks, learner.columns, rows.left_out)[0].tasks
    for number, fold in enumerate(folds, start=1):
        fold.require_labels()
        try:
            own = Preprocessor.fit(fold.typed("train"), learner.tasks, learner.columns, fold.left_out)[
                0
            ].tasks
        except DataError as error:
            raise DataError(f"Fold {number} of {n_folds}: {error}") from error
        for task, of_fold in zip(known, own, strict=True):
            if task.parts != of_fold.parts:
                lost = sorted(set(map(str, task.parts)) - set(map(str, of_fold.parts)))
                raise DataError(
                    f"Task {task.name!r}: no training row of fold {number} has the class {', '.join(lost)}: "
                    "ask for fewer compare.folds, or merge rare classes."
                )
    return folds


def all_tested(folds: Sequence[SplitTable]) -> SplitTable:
    """Return the table with the test rows of all folds, one fold after the other, as its test.

    Its training rows are all labelled ones, by which targets are coded; nothing is fitted to them.
    """
    first = folds[0]
    tested = np.concatenate([fold.rows["test"] for fold in folds])
    nothing = np.zeros(0, dtype=np.int64)
    rows = {"train": np.sort(tested), "validation": nothing, "test": tested}
    without = np.sort(np.concatenate([first.rows["unlabelled"], first.rows["unused"]]))
    rows |= {"unlabelled": without, "unused": nothing}
    return SplitTable(first.frame, first.labels, rows, first.left_out, table=first.table)
