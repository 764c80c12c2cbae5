"""From scores on the test rows to plain results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from cotrain.comparison._workers import read_truths
from cotrain.evaluation import DeltaM, Difference, Judgement, delta_m, judge, mean_ranks
from cotrain.learner import Coding, Job
from cotrain.tasks import Task


@final
@dataclass
class Entry:
    """What is known of a method while its cells come in.

    Args:
        method: its name.
        is_reference: whether it stands beside the others only.
        learning_rates: task (or "" for all together) -> the chosen one.
        sweeps: the same -> learning rate -> score on the validation rows.
        models: number of the seed -> task -> folder of its model.
        scores: number of the seed -> scores on the validation rows.
        seconds: of all its fits at the chosen learning rate.
        failed: why it has no figures.
        arrays: file with its scores on the test rows.
        differences: file with the differences to the single-task networks.
    """

    method: str
    is_reference: bool
    learning_rates: dict[str, float] = field(default_factory=dict)
    sweeps: dict[str, dict[str, float | None]] = field(default_factory=dict)
    models: dict[int, dict[str, str]] = field(default_factory=dict)
    scores: dict[int, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str | None = None
    arrays: Path | None = None
    differences: Path | None = None


def results_of(
    job: Job,
    entries: Sequence[Entry],
    parts: Path,
    left_out: Sequence[str],
    seeds: Sequence[int],
    rates: Sequence[float],
) -> dict[str, Any]:
    """Return figures, verdicts and the winner, as plain JSON values.

    The winner is the joint method with the best mean score on the validation rows.
    """
    coding, fitted = Coding.fit(pl.read_parquet(parts / "train.parquet"), job.learner.tasks,
                                job.learner.columns, left_out)  # fmt: skip
    del fitted
    truths = read_truths(coding, parts)
    values = {entry.method: _values(entry, coding.tasks, truths) for entry in entries}
    values["constant"] = {
        task.name: [_metric(task, _constant(coding, task, truths), truths)] for task in coding.tasks
    }
    directions = {task.name: task.chosen_metrics()[0].direction for task in coding.tasks}
    means = {
        method: {task: float(np.mean(of)) for task, of in by_task.items() if of}
        for method, by_task in values.items()
    }
    ranks = mean_ranks({method: of for method, of in means.items() if of}, directions)
    joint = [entry for entry in entries if not entry.is_reference and entry.failed is None]
    winner = max(joint, key=_validation, default=None)
    gains = {entry.method: _gain(entry.method, means, directions) for entry in joint}
    methods = [_method(entry, gains.get(entry.method), ranks) for entry in entries]
    return {
        "kind": "comparison",
        "seeds": list(seeds),
        "learning_rates": list(rates),
        "chosen": None if winner is None else winner.method,
        "methods": [*methods, _method(Entry("constant", True), None, ranks)],
        "tasks": [_task(task, values, truths) for task in coding.tasks],
        "verdicts": {entry.method: _verdicts(entry, coding.tasks, means) for entry in joint},
        "definition": "" if not gains else next(iter(gains.values())).definition,
    }


def _values(entry: Entry, tasks: Sequence[Task], truths: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return task -> value of its selecting metric at each seed."""
    if entry.failed is not None or entry.arrays is None or not entry.arrays.exists():
        return {}
    found: dict[str, list[float]] = {}
    with np.load(entry.arrays) as arrays:
        for number, task in enumerate(tasks):
            keys = [key for key in arrays.files if key.endswith(f"/{number}")]
            found[task.name] = [_metric(task, arrays[key], truths) for key in sorted(keys)]
    return found


def _metric(task: Task, scores: np.ndarray, truths: Mapping[str, Any]) -> float:
    return task.chosen_metrics()[0].compute(scores, *truths[task.name])


def _constant(coding: Coding, task: Task, truths: Mapping[str, Any]) -> np.ndarray:
    n_rows = len(truths[task.name][0])
    return task.scores(coding.constants[task.name].expand(n_rows, -1)).double().numpy()


def _validation(entry: Entry) -> float:
    return float(np.mean([score for of in entry.scores.values() for score in of]))


def _gain(method: str, means: Mapping[str, Mapping[str, float]], directions: Mapping[str, Any]) -> DeltaM:
    """Return delta_m over the selecting metrics; NaN where the single-task networks have no figures."""
    single = means.get("single_task", {})
    return delta_m(
        {task: {task: value} for task, value in means[method].items()},
        {task: {task: single.get(task, math.nan)} for task in means[method]},
        directions,
    )


def _method(entry: Entry, gain: DeltaM | None, ranks: Mapping[str, float]) -> dict[str, Any]:
    return {
        "name": entry.method,
        "reference": entry.is_reference,
        "failed": entry.failed,
        "learning_rates": entry.learning_rates,
        "sweeps": entry.sweeps,
        "validation": _plain(_validation(entry)) if entry.scores and entry.failed is None else None,
        "delta_m": None if gain is None else _plain(gain.value),
        "gain_per_task": {} if gain is None else {task: _plain(of) for task, of in gain.per_task.items()},
        "worst_task": None if gain is None else gain.worst_task,
        "mean_rank": _plain(ranks.get(entry.method, math.nan)),
        "seconds": round(entry.seconds, 1),
    }


def _task(
    task: Task, values: Mapping[str, Mapping[str, list[float]]], truths: Mapping[str, Any]
) -> dict[str, Any]:
    metric = task.chosen_metrics()[0]
    figures = {
        method: {
            "mean": _plain(float(np.mean(of[task.name]))),
            "deviation": _plain(float(np.std(of[task.name], ddof=1))) if len(of[task.name]) > 1 else None,
            "values": [_plain(value) for value in of[task.name]],
        }
        for method, of in values.items()
        if of.get(task.name)
    }
    n_labelled = int(truths[task.name][1].any(axis=1).sum())
    return {
        "name": task.name,
        "metric": metric.name,
        "direction": metric.direction,
        "n_labelled": n_labelled,
        "figures": figures,
    }


def _verdicts(
    entry: Entry, tasks: Sequence[Task], means: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    if entry.differences is None or not entry.differences.exists():
        return []
    found = json.loads(entry.differences.read_text(encoding="utf-8"))
    differences = {task: Difference(**values) for task, values in found.items()}
    single = means.get("single_task", {})
    metrics = {task.name: task.chosen_metrics()[0].name for task in tasks}
    pairs = {task: (means[entry.method][task], single.get(task, math.nan)) for task in differences}
    return [_verdict(one) for one in judge(differences, metrics, pairs)]


def _verdict(one: Judgement) -> dict[str, Any]:
    return {
        "task": one.task,
        "word": one.word,
        "sentence": one.sentence,
        "difference": _plain(one.difference.value),
        "interval": None if math.isnan(one.difference.low) else [one.difference.low, one.difference.high],
        "p_value": _plain(one.p_value),
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
