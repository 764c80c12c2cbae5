"""From scores on the test rows to plain results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain.comparison._answering import answers_of
from cotrain.comparison._checked_files import read_arrays, read_record
from cotrain.comparison._claims import judge_all
from cotrain.comparison._confusions import confusions_of
from cotrain.comparison._difference_jobs import read_truths
from cotrain.comparison._entry import Entry, winner_of
from cotrain.comparison._grid import GridData
from cotrain.data import TypedTable
from cotrain.evaluation import DeltaM, delta_m, mean_ranks
from cotrain.evaluation._padded_scores import constant_beside, truth_beside
from cotrain.learner import Configuration, Preprocessor
from cotrain.tasks import Task
from cotrain.tasks._entries import rows_with_label

PER_METRIC = (
    "delta_m per metric: the same relative gain, mean over all metrics of all tasks, so that a task with "
    "more metrics counts more, and a metric near 0, such as R², can outweigh all others."
)


def results_of(
    configuration: Configuration,
    entries: Sequence[Entry],
    data: GridData,
    *,
    seeds: Sequence[int],
    rates: Sequence[float],
    smallest_effect: float,
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
    figures: dict[str, dict[str, dict[str, list[float]]]] = {}
    confusions: dict[str, dict[str, Any]] = {}
    for entry in entries:
        scores = _scores(entry, preprocessor.tasks)
        tasks = [task for task in preprocessor.tasks if task.name in scores]
        figures[entry.method] = {task.name: _metrics(task, scores[task.name], truths) for task in tasks}
        counts = {task.name: confusions_of(task, scores[task.name], truths[task.name]) for task in tasks}
        confusions[entry.method] = {task: found for task, found in counts.items() if found}
    figures["constant"] = {
        task.name: _metrics(task, [_constant(preprocessor, task, truths)], truths)
        for task in preprocessor.tasks
    }
    directions = {task.name: task.chosen_metrics()[0].direction for task in preprocessor.tasks}
    means = {
        method: {task: float(np.mean(next(iter(of.values())))) for task, of in by_task.items() if of}
        for method, by_task in figures.items()
    }
    winner = winner_of(entries)
    judged = [entry for entry in entries if entry.differences is not None and entry.failed is None]
    counted = _counted(judged, preprocessor.tasks)
    over = {
        method: {name: value for name, value in of.items() if name in counted} for method, of in means.items()
    }
    ranks = mean_ranks({method: of for method, of in over.items() if of}, {n: directions[n] for n in counted})
    gains = {entry.method: _gain(entry.method, over, directions) for entry in judged}
    tasks_over = [task for task in preprocessor.tasks if task.name in counted]
    all_metrics = {entry.method: _gain_of_metrics(entry.method, figures, tasks_over) for entry in judged}
    methods = [
        {
            **_method(entry, gains.get(entry.method), all_metrics.get(entry.method), ranks),
            "curves": {task: of for task, of in entry.curves.items() if any(of)},
            "confusions": confusions[entry.method],
        }
        for entry in entries
    ]
    with_alone = [entry for entry in entries if entry in judged or entry.method == "single_task"]
    chosen = None if winner is None else winner.method
    words = judge_all(with_alone, chosen, preprocessor.tasks, means, smallest_effect=smallest_effect)
    return {
        "kind": "comparison",
        "seeds": list(seeds),
        "learning_rates": list(rates),
        "chosen": chosen,
        "methods": [*methods, _method(Entry("constant", True), None, None, ranks)],
        "tasks": [_task(task, figures, truths) for task in preprocessor.tasks],
        "smallest_effect": smallest_effect,
        "left_out": [task.name for task in preprocessor.tasks if task.name not in counted],
        **words,
        "answers": _answers(entries, preprocessor.tasks),
        "definition": "" if not gains else next(iter(gains.values())).definition,
        "definition_per_metric": PER_METRIC,
    }


def _counted(judged: Sequence[Entry], tasks: Sequence[Task]) -> list[str]:
    """Return the tasks that figures over all tasks are of: those with enough test labels for a word."""
    records = [read_record(entry.differences) for entry in judged if entry.differences is not None]
    few = {name for found in records for name, of in found["tasks"].items() if of["too_few"]}
    return [task.name for task in tasks if task.name not in few]


def _answers(entries: Sequence[Entry], tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return who answers for each task; nothing where that was not asked for or has failed."""
    asked = next((e for e in entries if e.failed is None and e.answers is not None), None)
    if asked is None or asked.answers is None:
        return []
    return answers_of(asked.answers, [task.name for task in tasks], asked.n_folds)


def _scores(entry: Entry, tasks: Sequence[Task]) -> dict[str, list[np.ndarray]]:
    """Return task -> its scores on the test rows at each seed; nothing where they are not there."""
    if entry.failed is not None or entry.arrays is None or not entry.arrays.exists():
        return {}
    found: dict[str, list[np.ndarray]] = {}
    arrays = read_arrays(entry.arrays)
    for number, task in enumerate(tasks):
        keys = sorted((int(key.split("/")[0]), key) for key in arrays if key.endswith(f"/{number}"))
        # Trees have none of tasks with many answers a row.
        if keys:
            found[task.name] = [arrays[key] for _, key in keys]
    return found


def _metrics(task: Task, scores: Sequence[np.ndarray], truths: Mapping[str, Any]) -> dict[str, list[float]]:
    return {
        metric.name: [metric.compute(one, *truth_beside(task, truths[task.name], one)) for one in scores]
        for metric in task.chosen_metrics()
    }


def _constant(preprocessor: Preprocessor, task: Task, truths: Mapping[str, Any]) -> np.ndarray:
    return constant_beside(task, preprocessor.constants[task.name], truths[task.name][0])


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
    """Return delta_m over all metrics of these tasks."""
    single = figures.get("single_task", {})
    known = [task.name for task in tasks if task.name in figures[method]]
    describing = {
        (task.name, metric.name) for task in tasks for metric in task.chosen_metrics() if metric.describes
    }
    # Named by the task too: a metric of one's own may be better larger in one and smaller in another.
    directions = {
        f"{task.name}/{metric.name}": metric.direction for task in tasks for metric in task.chosen_metrics()
    }

    def means(of: Mapping[str, Mapping[str, list[float]]], task: str) -> dict[str, float]:
        names = [name for name in figures[method][task] if (task, name) not in describing]
        return {f"{task}/{name}": float(np.mean(of.get(task, {}).get(name, [math.nan]))) for name in names}

    return delta_m(
        {task: means(figures[method], task) for task in known},
        {task: means(single, task) for task in known},
        directions,
    )


def _learning_rates(entry: Entry) -> dict[str, float]:
    """Return task -> the chosen one; where fits differ: "task, seed number, fold number" -> that fit's."""
    found: dict[str, float] = {}
    for of, rates in entry.learning_rates.items():
        if len(set(rates)) == 1:
            found[of] = rates[0]
        else:
            before = f"{of}, " if of else ""
            n_seeds = max(1, len(rates) // entry.n_folds)
            for number, rate in enumerate(rates):
                fold = f", fold {number // n_seeds + 1}" if entry.n_folds > 1 else ""
                found[f"{before}seed {number % n_seeds}{fold}"] = rate
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
        "validation": _plain(entry.validation) if entry.scores and entry.failed is None else None,
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


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
