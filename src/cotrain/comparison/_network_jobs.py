"""What is done in processes of its own. Everything that goes in and out is plain data on disk."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import remove_leftovers
from cotrain.comparison._checked_files import write_arrays, write_record
from cotrain.comparison._curves import curves_of
from cotrain.comparison._pooled import PooledNetwork
from cotrain.comparison._status_file import StatusLogger
from cotrain.comparison._unfinished import unfinished_tasks
from cotrain.configuration import construct_class, foreign_kinds
from cotrain.data import Split, TypedTable
from cotrain.evaluation._padded_scores import scores_of
from cotrain.learner import Learner
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner
from cotrain.learner._run_folder import read_config
from cotrain.learner._validation_gains import validation_score


def train_cell(
    parts: str,
    folder: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    *,
    pooled: bool = False,
    split: Mapping[str, Any] | None = None,
) -> None:
    """Fit one network and keep it, with its score on the validation rows. The test rows are not looked at.

    Args:
        parts: folder with train.parquet, validation.parquet and unlabelled.parquet.
        folder: gets the model and, at the very end, cell.json.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
        pooled: fit one head to the stacked labels of all tasks.
        split: arguments of the `Split`, which says whether rows belong together.
    """
    started, cpu = time.monotonic(), time.process_time()
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    # The cell is this process's alone: half-written files are those of a killed one.
    remove_leftovers(place)
    learner = construct_class(Learner, config, "")
    train, validation, unlabelled = (
        TypedTable.read(Path(parts) / f"{name}.parquet") for name in ("train", "validation", "unlabelled")
    )
    status = StatusLogger(place)
    if pooled:
        network = PooledNetwork.fit(learner, train, validation, left_out=left_out, loggers=[status])
        network.save(place / "model")
        preprocessor, result = network.preprocessor, network.result
        held = preprocessor.examples(validation)
        score = validation_score(preprocessor, held, network.scores(held.inputs))
    else:
        divided = Split(**(split or {}))
        options = FitOptions(
            unlabelled=unlabelled,
            progress=False,
            left_out=left_out,
            loggers=[status],
            dependence=divided.dependence(validation.frame),
            train_dependence=divided.dependence(train.frame, unlabelled.frame),
        )
        fit_learner(learner, train, validation, options)
        learner.save(place / "model", overwrite=True)
        preprocessor, result = learner.preprocessor, learner.fitted_result
        held = preprocessor.examples(validation)
        outputs = learner.fitted.joint_outputs(held.inputs)
        scores = {task.name: scores_of(task, outputs[task.name]) for task in preprocessor.tasks}
        score = validation_score(preprocessor, held, scores)
    # Rounds of co-training have an end of their own.
    unfinished = (
        {}
        if learner.cotraining is not None or result.budget is None
        else unfinished_tasks(preprocessor.tasks, result, result.budget.epochs, result.budget.select, by=0.0)
    )
    record = {
        "score": score,
        "epochs": len(result.history),
        "best_epoch": {name: epoch + 1 for name, epoch in result.best_epoch.items()},
        "unfinished": unfinished,
        # One head of all tasks has a value for none of them.
        "curves": {} if pooled else curves_of(result.history),
        "skipped": result.skipped,
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }
    write_record(place / "cell.json", record)
    status.remove()


def score_networks(
    parts: str,
    output: str,
    models: Sequence[Mapping[str, str]],
    tasks: Sequence[str],
    *,
    trusted: Sequence[str] = (),
) -> None:
    """Read the test rows, once, and keep a finished contender's scores.

    Args:
        parts: folder with test.parquet.
        output: file to write: arrays "seed/task", both by number.
        models: for every seed: task -> folder of the model that predicts it.
        tasks: names of all tasks in order.
        trusted: classes from outside this library that the configuration of the comparison names itself: a
            model that was kept may name these, and no others.
    """
    test = pl.read_parquet(Path(parts) / "test.parquet")
    arrays: dict[str, np.ndarray] = {}
    for number, folders in enumerate(models):
        for folder in dict.fromkeys(folders.values()):
            for name, scores in _scores_of_model(Path(folder), test, set(trusted)).items():
                arrays[f"{number}/{tasks.index(name)}"] = scores
    write_arrays(Path(output), arrays)


def _scores_of_model(folder: Path, test: pl.DataFrame, trusted: set[str]) -> dict[str, np.ndarray]:
    if PooledNetwork.is_in(folder):
        network = PooledNetwork.load(folder, trusted)
        return network.scores(network.preprocessor.inputs(test))
    learner = load_network(folder, trusted)
    outputs = learner.fitted.joint_outputs(learner.preprocessor.examples(test).inputs)
    return {task.name: scores_of(task, outputs[task.name]) for task in learner.preprocessor.tasks}


def load_network(folder: Path, trusted: set[str]) -> Learner:
    """Return the network of a cell, which may name these classes from outside this library and no others."""
    named = foreign_kinds(read_config(folder))
    return Learner.load(folder, trust=bool(named) and named <= trusted)
