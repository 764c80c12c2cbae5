"""What is done in processes of its own. Everything that goes in and out is plain data on disk."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from cotrain._base import DataError
from cotrain.comparison._features import PlainFeatures
from cotrain.data import Schema
from cotrain.evaluation import boosted_trees, paired_bootstrap
from cotrain.learner import Coding, Learner, construct_class
from cotrain.tasks import Task
from cotrain.training import write_atomically, write_text_atomically

#: Half the width of an interval from so many resamples is within 5 % of that from infinitely many.
RESAMPLES = 200


def start_worker(parent: int) -> None:
    """Use one thread, and end when the process that asked for the work is gone."""
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def train_cell(parts: str, folder: str, config: Mapping[str, Any], left_out: Sequence[str]) -> None:
    """Fit one network and keep it, with its score on the validation rows. The test rows are not looked at.

    Args:
        parts: folder with train.parquet, validation.parquet and unlabelled.parquet.
        folder: gets the model and, at the very end, cell.json.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
    """
    started = time.monotonic()
    learner = construct_class(Learner, config, "")
    train, validation, unlabelled = (
        pl.read_parquet(Path(parts) / f"{name}.parquet") for name in ("train", "validation", "unlabelled")
    )
    learner.fit(train, validation, unlabelled=unlabelled, progress=False, left_out=left_out)
    learner.save(Path(folder) / "model", overwrite=True)
    result = learner.fitted_result
    record = {
        "score": validation_score(result.history, learner.training.select),
        "epochs": len(result.history),
        "best_epoch": {name: epoch + 1 for name, epoch in result.best_epoch.items()},
        "skipped": result.skipped,
        "seconds": round(time.monotonic() - started, 3),
    }
    write_text_atomically(Path(folder) / "cell.json", json.dumps(record, ensure_ascii=False) + "\n")


def validation_score(history: Sequence[Mapping[str, Any]], select: str) -> float:
    """Return the mean gain over a constant on the validation rows, of the weights that `select` keeps.

    Example:
        >>> history = [{"gain": {"a": 0.1, "b": 0.4}}, {"gain": {"a": 0.3, "b": 0.1}}]
        >>> [validation_score(history, select) for select in ("combined", "per_task", "last")]
        [0.25, 0.35, 0.2]
    """
    gains = [[g for g in record["gain"].values() if not math.isnan(g)] for record in history]
    means = [float(np.mean(of)) if of else -math.inf for of in gains]
    if select == "last":
        return means[-1]
    if select == "combined":
        return max(means)
    tasks = history[0]["gain"]
    best = [max(record["gain"][task] for record in history) for task in tasks]
    return float(np.mean([gain for gain in best if not math.isnan(gain)]))


def score_networks(
    parts: str, output: str, models: Sequence[Mapping[str, str]], tasks: Sequence[str]
) -> None:
    """Read the test rows, once, and keep a finished contender's scores.

    Args:
        parts: folder with test.parquet.
        output: file to write: arrays "seed/task", both by number.
        models: for every seed: task -> folder of the model that predicts it.
        tasks: names of all tasks in order.
    """
    test = pl.read_parquet(Path(parts) / "test.parquet")
    arrays: dict[str, np.ndarray] = {}
    for number, folders in enumerate(models):
        for folder in dict.fromkeys(folders.values()):
            learner = Learner.load(folder)
            outputs = learner.outputs(test)
            for task in learner.coding.tasks:
                scores = task.scores(outputs[task.name]).double().numpy()
                arrays[f"{number}/{tasks.index(task.name)}"] = scores
    _write_arrays(Path(output), arrays)


def score_trees(parts: str, output: str, config: Mapping[str, Any], left_out: Sequence[str]) -> None:
    """Fit gradient-boosted trees on the same inputs and keep their scores on the test rows."""
    learner = construct_class(Learner, config, "")
    train, test = (pl.read_parquet(Path(parts) / f"{name}.parquet") for name in ("train", "test"))
    coding, fitted = Coding.fit(train, learner.tasks, learner.columns, left_out)
    held_out = coding.examples(test)
    features = PlainFeatures(_schema(coding)).fit(fitted.inputs)
    (before, categorical), (after, _) = (features.transform(rows.inputs) for rows in (fitted, held_out))
    arrays = {}
    for number, task in enumerate(coding.tasks):
        labels = (fitted.targets[task.name], fitted.masks[task.name])
        scores = boosted_trees(task, before, *labels, after, categorical=categorical, seed=learner.seed)
        arrays[f"0/{number}"] = scores
    _write_arrays(Path(output), arrays)


def _schema(coding: Coding) -> Schema:
    if coding.schema is None:
        raise DataError("Trees need a table: compare reads none of tensors.")
    return coding.schema


def compare_scores(
    parts: str,
    output: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    scores: str,
    single: str,
    n_seeds: int,
) -> None:
    """Keep the difference of each task to its single-task network, over seeds and test rows."""
    learner = construct_class(Learner, config, "")
    coding, _ = Coding.fit(
        pl.read_parquet(Path(parts) / "train.parquet"), learner.tasks, learner.columns, left_out
    )
    truths = read_truths(coding, Path(parts))
    found = {}
    with np.load(scores) as a, np.load(single) as b:
        for number, task in enumerate(coding.tasks):
            ours, theirs = ([side[f"{seed}/{number}"] for seed in range(n_seeds)] for side in (a, b))
            metric = task.chosen_metrics()[0]
            difference = paired_bootstrap(metric, ours, theirs, *truths[task.name], n_resamples=RESAMPLES)
            found[task.name] = vars(difference)
    write_text_atomically(Path(output), json.dumps(found, ensure_ascii=False) + "\n")


def read_truths(coding: Coding, parts: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return task -> targets and mask of the test rows, in the unit of the metrics."""
    test = pl.read_parquet(parts / "test.parquet")
    return {task.name: _truth(task, test) for task in coding.tasks}


def _truth(task: Task, test: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    targets, mask = task.encode(test)
    return task.original(targets).double().numpy(), (mask > 0).numpy()


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)  # ty: ignore[invalid-argument-type]

    write_atomically(path, write)
