"""From scores on the test rows to plain results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from cotrain.comparison._checked_files import read_arrays
from cotrain.comparison._grid import GridData
from cotrain.comparison._network_jobs import read_truths
from cotrain.data import TypedTable
from cotrain.evaluation import DeltaM, Difference, Judgement, delta_m, judge, mean_ranks
from cotrain.learner import Configuration, Preprocessor
from cotrain.tasks import Task
from cotrain.tasks._entries import rows_with_label

PER_METRIC = (
    "delta_m per metric: the same relative gain, mean over all metrics of all tasks, so that a task with "
    "more metrics counts more, and a metric near 0, such as R², can outweigh all others."
)


@final
@dataclass
class Entry:
    """What is known of a method while its cells come in.

    Args:
        method: its name.
        is_reference: whether it stands beside the others only.
        learning_rates: task (or "" for all together) -> the chosen one at each seed.
        sweeps: the same -> learning rate -> score on the validation rows at each seed that tried it.
        models: number of the seed -> task -> folder of its model.
        scores: number of the seed -> scores on the validation rows.
        seconds: of all its fits at the chosen learning rate.
        failed: why it has no figures.
        arrays: file with its scores on the test rows.
        differences: file with the differences to the single-task networks.
    """

    method: str
    is_reference: bool
    learning_rates: dict[str, list[float]] = field(default_factory=dict)
    sweeps: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    models: dict[int, dict[str, str]] = field(default_factory=dict)
    scores: dict[int, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str | None = None
    arrays: Path | None = None
    differences: Path | None = None


def results_of(
    configuration: Configuration,
    entries: Sequence[Entry],
    data: GridData,
    *,
    seeds: Sequence[int],
    rates: Sequence[float],
) -> dict[str, Any]:
    """Return figures, verdicts and the winner, as plain JSON values.

    The winner is the joint method with the best mean score on the validation rows.
    """
    preprocessor, fitted = Preprocessor.fit(
        TypedTable.read(data.folder / "train.parquet"),
        configuration.learner.tasks,
        configuration.learner.columns,
        data.left_out,
    )
    del fitted
    truths = read_truths(preprocessor, data.folder)
    figures = {entry.method: _figures(entry, preprocessor.tasks, truths) for entry in entries}
    figures["constant"] = {
        task.name: _metrics(task, [_constant(preprocessor, task, truths)], truths)
        for task in preprocessor.tasks
    }
    directions = {task.name: task.chosen_metrics()[0].direction for task in preprocessor.tasks}
    means = {
        method: {task: float(np.mean(next(iter(of.values())))) for task, of in by_task.items() if of}
        for method, by_task in figures.items()
    }
    ranks = mean_ranks({method: of for method, of in means.items() if of}, directions)
    joint = [entry for entry in entries if not entry.is_reference and entry.failed is None]
    winner = max(joint, key=_validation, default=None)
    judged = [entry for entry in entries if entry.differences is not None and entry.failed is None]
    gains = {entry.method: _gain(entry.method, means, directions) for entry in judged}
    all_metrics = {
        entry.method: _gain_of_metrics(entry.method, figures, preprocessor.tasks) for entry in judged
    }
    methods = [
        _method(entry, gains.get(entry.method), all_metrics.get(entry.method), ranks) for entry in entries
    ]
    return {
        "kind": "comparison",
        "seeds": list(seeds),
        "learning_rates": list(rates),
        "chosen": None if winner is None else winner.method,
        "methods": [*methods, _method(Entry("constant", True), None, None, ranks)],
        "tasks": [_task(task, figures, truths) for task in preprocessor.tasks],
        "verdicts": {entry.method: _verdicts(entry, preprocessor.tasks, means) for entry in judged},
        "definition": "" if not gains else next(iter(gains.values())).definition,
        "definition_per_metric": PER_METRIC,
    }


def _figures(
    entry: Entry, tasks: Sequence[Task], truths: Mapping[str, Any]
) -> dict[str, dict[str, list[float]]]:
    """Return task -> metric, the selecting one first -> value at each seed."""
    if entry.failed is not None or entry.arrays is None or not entry.arrays.exists():
        return {}
    found: dict[str, dict[str, list[float]]] = {}
    arrays = read_arrays(entry.arrays)
    for number, task in enumerate(tasks):
        keys = sorted((int(key.split("/")[0]), key) for key in arrays if key.endswith(f"/{number}"))
        found[task.name] = _metrics(task, [arrays[key] for _, key in keys], truths)
    return found


def _metrics(task: Task, scores: Sequence[np.ndarray], truths: Mapping[str, Any]) -> dict[str, list[float]]:
    return {
        metric.name: [metric.compute(one, *truths[task.name]) for one in scores]
        for metric in task.chosen_metrics()
    }


def _constant(preprocessor: Preprocessor, task: Task, truths: Mapping[str, Any]) -> np.ndarray:
    n_rows = len(truths[task.name][0])
    return task.constant_scores(preprocessor.constants[task.name], n_rows).double().numpy()


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


def _gain_of_metrics(
    method: str, figures: Mapping[str, Mapping[str, Mapping[str, list[float]]]], tasks: Sequence[Task]
) -> DeltaM:
    """Return delta_m over all metrics of all tasks."""
    single = figures.get("single_task", {})
    directions = {metric.name: metric.direction for task in tasks for metric in task.chosen_metrics()}

    def means(of: Mapping[str, Mapping[str, list[float]]], task: str) -> dict[str, float]:
        names = figures[method][task]
        return {name: float(np.mean(of.get(task, {}).get(name, [math.nan]))) for name in names}

    return delta_m(
        {task: means(figures[method], task) for task in figures[method]},
        {task: means(single, task) for task in figures[method]},
        directions,
    )


def _learning_rates(entry: Entry) -> dict[str, float]:
    """Return task -> the chosen one; where seeds differ: "task, seed number" -> that seed's."""
    found: dict[str, float] = {}
    for of, rates in entry.learning_rates.items():
        if len(set(rates)) == 1:
            found[of] = rates[0]
        else:
            before = f"{of}, " if of else ""
            found |= {f"{before}seed {number}": rate for number, rate in enumerate(rates)}
    return found


def _sweeps(entry: Entry) -> dict[str, dict[str, float | None]]:
    """Return task -> learning rate -> mean score over the seeds; `None` if a fit has failed."""
    return {
        of: {
            rate: None
            if any(s is None for s in scores)
            else _plain(float(np.mean([s or 0.0 for s in scores])))
            for rate, scores in tried.items()
        }
        for of, tried in entry.sweeps.items()
    }


def _method(
    entry: Entry, gain: DeltaM | None, all_metrics: DeltaM | None, ranks: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "name": entry.method,
        "reference": entry.is_reference,
        "failed": entry.failed,
        "learning_rates": _learning_rates(entry),
        "sweeps": _sweeps(entry),
        "validation": _plain(_validation(entry)) if entry.scores and entry.failed is None else None,
        "delta_m": None if gain is None else _plain(gain.value),
        "delta_m_per_metric": None if all_metrics is None else _plain(all_metrics.per_metric),
        "gain_per_task": {} if gain is None else {task: _plain(of) for task, of in gain.per_task.items()},
        "worst_task": None if gain is None else gain.worst_task,
        "mean_rank": _plain(ranks.get(entry.method, math.nan)),
        "seconds": round(entry.seconds, 1),
    }


def _task(
    task: Task, figures: Mapping[str, Mapping[str, Mapping[str, list[float]]]], truths: Mapping[str, Any]
) -> dict[str, Any]:
    metric = task.chosen_metrics()[0]
    found = {
        method: {
            "mean": _plain(float(np.mean(values))),
            "deviation": _plain(float(np.std(values, ddof=1))) if len(values) > 1 else None,
            "values": [_plain(value) for value in values],
        }
        for method, of in figures.items()
        if (values := of.get(task.name, {}).get(metric.name))
    }
    n_labelled = int(rows_with_label(truths[task.name][1]).sum())
    return {
        "name": task.name,
        "metric": metric.name,
        "direction": metric.direction,
        "n_labelled": n_labelled,
        "figures": found,
    }


def _verdicts(
    entry: Entry, tasks: Sequence[Task], means: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    if entry.differences is None or not entry.differences.exists():
        return []
    found = json.loads(entry.differences.read_text(encoding="utf-8"))
    differences = {task: Difference.from_json(values["difference"]) for task, values in found.items()}
    too_few = {task: values["too_few"] for task, values in found.items()}
    single = means.get("single_task", {})
    metrics = {task.name: task.chosen_metrics()[0].name for task in tasks}
    pairs = {task: (means[entry.method][task], single.get(task, math.nan)) for task in differences}
    return [_verdict(one) for one in judge(differences, metrics, pairs, too_few=too_few)]


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
