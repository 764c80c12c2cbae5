"""The rows of a comparison with cross-validation, as each fold divides them and as all do together."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from cotrain._base import DataError
from cotrain.data import Fold
from cotrain.learner import Configuration, Learner, Preprocessor, SplitTable


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
    known = _parts(all_tested(folds), learner)
    for number, fold in enumerate(folds, start=1):
        fold.require_labels()
        try:
            own = _parts(fold, learner)
        except DataError as error:
            raise DataError(f"Fold {number} of {n_folds}: {error}") from error
        for task, parts in known.items():
            if own[task] != parts:
                other = ", ".join(sorted(set(parts) ^ set(own[task])))
                raise DataError(
                    f"Task {task!r}: the training rows of fold {number} have none or too few of class "
                    f"{other}: ask for fewer compare.folds, or merge rare classes."
                )
    return folds


def _parts(split: SplitTable, learner: Learner) -> dict[str, list[str]]:
    """Return task -> its classes, labels or targets, as the training rows have them."""
    tasks = copy.deepcopy(learner.tasks)
    fitted, _ = Preprocessor.fit(split.typed("train"), tasks, learner.columns, split.left_out)
    return {task.name: list(task.parts) for task in fitted.tasks}


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
