"""Boosted trees of a comparison, in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cotrain.comparison._checked_files import write_arrays, write_record
from cotrain.configuration import construct_class
from cotrain.data import TypedTable
from cotrain.learner import Learner, Preprocessor
from cotrain.learner._tree_reference import TreeReference
from cotrain.learner._validation_gains import validation_score

#: What trees say of the validation rows, in the folder of a cell.
VALIDATION_SCORES = "validation.npz"


def train_trees(
    parts: str,
    folder: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    *,
    task: str,
    learning_rate: float,
) -> None:
    """Fit boosted trees to one task and keep what they say of the validation rows, and how good that is.

    Args:
        parts: folder with train.parquet and validation.parquet.
        folder: gets validation.npz with the scores of the validation rows and, at the very end, cell.json.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
        task: name of the task.
        learning_rate: shrinkage of each tree.
    """
    started, cpu = time.monotonic(), time.process_time()
    train, validation = (TypedTable.read(Path(parts) / f"{name}.parquet") for name in ("train", "validation"))
    learner = construct_class(Learner, config, "")
    preprocessor, _ = Preprocessor.fit(train, learner.tasks, learner.columns, left_out)
    held = preprocessor.examples(validation)
    chosen = next(one for one in preprocessor.tasks if one.name == task)
    trees = TreeReference(preprocessor, train, validation, seed=learner.seed, library=learner.trees)
    scores = trees.scores(chosen, validation, learning_rate=learning_rate)
    score = validation_score(preprocessor, held, {task: scores})
    write_arrays(Path(folder) / VALIDATION_SCORES, {"scores": scores})
    record = {
        "score": score,
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }
    write_record(Path(folder) / "cell.json", record)


def score_trees(
    parts: str,
    output: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    *,
    learning_rates: Mapping[str, float],
) -> None:
    """Fit boosted trees at the chosen learning rates and keep their scores on the test rows.

    They are fitted again, to the same data with the same seed: the cells keep no trees.
    """
    learner = construct_class(Learner, config, "")
    train, validation, test = (
        TypedTable.read(Path(parts) / f"{name}.parquet") for name in ("train", "validation", "test")
    )
    preprocessor, _ = Preprocessor.fit(train, learner.tasks, learner.columns, left_out)
    trees = TreeReference(preprocessor, train, validation, seed=learner.seed, library=learner.trees)
    arrays: dict[str, np.ndarray] = {}
    for number, task in enumerate(preprocessor.tasks):
        # Of tasks with many answers a row there are none.
        if task.name in learning_rates:
            rate = learning_rates[task.name]
            arrays[f"0/{number}"] = trees.scores(task, test, learning_rate=rate)
    write_arrays(Path(output), arrays)
