"""How often co-training ends below its start, and how much of what it truly gains the guards let through.

    python benchmarks/cotraining_guards.py --seeds 20 --results guards.jsonl --table
    python benchmarks/cotraining_guards.py views-dependent --labels 20 60 --seeds 5 --results guards.jsonl

Six families of simulated problems, of which some are planted to hurt, and one of two tasks. What is in the
results file already is not run again. Peers are scikit-learn estimators, so that a run takes about a second.

A run *loses* if its test value lies below that of its own supervised start by more than one standard error of
the paired difference on 1,000 test rows. A *true gain* is a run whose last round, were it not guarded, is at
least three points (of accuracy, AUROC or R²) above the start; it is *kept* if what the guards let through is
above the start by at least half of that.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from cotrain import tasks as kinds
from cotrain.balancing import Equal
from cotrain.cotraining import (
    Committee,
    CoTraining,
    CoTrainingResult,
    Prediction,
    TwoViewCoTraining,
    View,
)
from cotrain.cotraining._estimator_factory import EstimatorFactory
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import run_rounds, strategy_for_views
from cotrain.training import Examples, Training

POOL, TEST, ROUNDS = 500, 1000, 3
#: The smallest gain that a user would call one.
GAIN = 0.03


@dataclass
class Problem:
    """Labelled and unlabelled rows, test rows, and the columns of two views."""

    x: np.ndarray
    y: np.ndarray
    test: np.ndarray
    truth: np.ndarray
    views: list[list[int]]
    number: bool = False
    auroc: bool = False


def two_views(
    seed: int,
    n_labels: int,
    *,
    positives: float = 0.5,
    shared: float = 0.0,
    second: float = 1.0,
    flipped: float = 0.0,
) -> Problem:
    """Return two classes in two views of eight columns.

    Args:
        seed: of the draw.
        n_labels: labelled rows.
        positives: share of the second class.
        shared: share of the variance within a class that both views have in common.
        second: how far the classes lie apart in the second view, beside the first.
        flipped: share of wrong labels among the given ones.
    """
    generator = np.random.default_rng([seed, n_labels])
    n = n_labels + POOL + TEST
    y = (generator.random(n) < positives).astype(int)
    # Two labels of each class are what a task needs to begin.
    y[:4] = [1, 1, 0, 0]
    common = generator.normal(size=(n, 8))
    parts = []
    for strength in (1.0, second):
        own = generator.normal(size=(n, 8))
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        # The classes are 2 d' = 2.4 apart along one direction that the columns share out.
        parts.append(noise + strength * 0.42 * (2 * y[:, None] - 1))
    x = np.concatenate(parts, axis=1)
    given = y[:n_labels].copy()
    if flipped:
        wrong = generator.random(n_labels) < flipped
        wrong[:4] = False
        given[wrong] = 1 - given[wrong]
    labels = np.concatenate([given, np.full(POOL, -1)])
    rows = slice(0, n_labels + POOL)
    return Problem(
        x=x[rows],
        y=labels,
        test=x[n_labels + POOL :],
        truth=y[n_labels + POOL :],
        views=[list(range(8)), list(range(8, 16))],
        auroc=positives < 0.1,
    )


def heavy_tails(seed: int, n_labels: int) -> Problem:
    """Return a curve in eight columns, half in each view, under noise of Student's t with 2 degrees."""
    generator = np.random.default_rng([seed, n_labels])
    n = n_labels + POOL + TEST
    x = generator.normal(size=(n, 16))
    clean = np.tanh(x[:, :4].sum(axis=1)) + np.tanh(x[:, 8:12].sum(axis=1))
    y = clean + 0.3 * generator.standard_t(2, size=n)
    labels = np.concatenate([y[:n_labels], np.full(POOL, np.nan)])
    rest = slice(n_labels + POOL, n)
    views = [list(range(8)), list(range(8, 16))]
    return Problem(x[: n_labels + POOL], labels, test=x[rest], truth=clean[rest], views=views, number=True)


def two_tasks(seed: int, n_labels: int) -> Problem:
    """Return two tasks on the same rows, of which the second has twelve labels."""
    first = two_views(seed, n_labels)
    second = two_views(seed + 10_000, n_labels)
    y = np.stack([first.y, np.where(np.arange(len(first.y)) < 12, second.y, -1)], axis=1)
    return Problem(
        x=np.concatenate([first.x, second.x], axis=1),
        y=y,
        test=np.concatenate([first.test, second.test], axis=1),
        truth=np.stack([first.truth, second.truth], axis=1),
        views=[[*range(8), *range(16, 24)], [*range(8, 16), *range(24, 32)]],
    )


FAMILIES: dict[str, Callable[[int, int], Problem]] = {
    "views-independent": two_views,
    "views-dependent": lambda seed, n: two_views(seed, n, shared=0.9),
    "view-without-information": lambda seed, n: two_views(seed, n, second=0.0),
    "rare-positives": lambda seed, n: two_views(seed, n, positives=0.02),
    "labels-flipped": lambda seed, n: two_views(seed, n, flipped=0.33),
    "heavy-tails": heavy_tails,
    "two-tasks": two_tasks,
}
#: name -> (strategy, whether the views are named)
SETTINGS: dict[str, tuple[Any, bool]] = {
    "default": (None, False),
    "default with views": (None, True),
    "auto": ("auto", True),
}


def run_of(problem: Problem, seed: int, strategy: Any, *, named: bool) -> CoTrainingRun:
    """Return the run of a problem, with linear peers."""
    tasks, targets, masks = [], {}, {}
    y = problem.y if problem.y.ndim == 2 else problem.y[:, None]
    for t in range(y.shape[1]):
        known = np.isfinite(y[:, t]) if problem.number else y[:, t] >= 0
        frame = pl.DataFrame({f"y{t}": [v if k else None for v, k in zip(y[:, t], known, strict=True)]})
        task = (
            kinds.Regression(f"y{t}", metrics=["r2"])
            if problem.number
            else kinds.Binary(f"y{t}", metrics=["auroc" if problem.auroc else "accuracy"])
        )
        task.fit(frame)
        tasks.append(task)
        targets[task.name], masks[task.name] = task.encode(frame)
    views = {}
    if named:
        for number, columns in enumerate(problem.views):
            seen = torch.zeros(problem.x.shape[1], dtype=torch.bool)
            seen[columns] = True
            views[f"view {number + 1}"] = View({"inputs": seen})
    settings = CoTraining(
        Committee() if strategy is None else strategy,
        ROUNDS,
        views={name: [name] for name in views},
    )
    networks = NetworkFactory(
        tasks,
        build=no_network,
        balancer=Equal(),
        training=Training(1),
        settings=settings,
        shapes={"inputs": (problem.x.shape[1],)},
        views=views,
        seed=seed,
    )
    return CoTrainingRun(
        tasks=tasks,
        examples=Examples({"inputs": torch.from_numpy(problem.x).float()}, targets, masks),
        validation=None,
        settings=settings,
        factory=EstimatorFactory(networks, LogisticRegression(), Ridge()),
        seed=seed,
    )


def no_network(*_: Any) -> Any:
    raise TypeError("all peers are estimators")


def outcome_of(problem: Problem, seed: int, name: str) -> CoTrainingResult:
    """Return what a setting leaves; the default for named views is what the estimators take for them."""
    strategy, named = SETTINGS[name]
    run = run_of(problem, seed, strategy, named=named)
    if named and strategy is None:
        views = TwoViewCoTraining(list(run.settings.views))
        chosen, _ = strategy_for_views(run, views, Committee())
        run = replace(run, settings=run.settings.with_strategy(chosen))
    return run_rounds(run)


def run(job: tuple[str, int, int, str]) -> list[dict[str, Any]]:
    """Return one record per task of a family, number of labels, seed and setting."""
    family, n_labels, seed, name = job
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    began = time.process_time()
    problem = FAMILIES[family](seed, n_labels)
    outcome = outcome_of(problem, seed, name)
    after = outcome.predictions({"inputs": torch.from_numpy(problem.test).float()})
    before, unguarded = first_and_last(problem, outcome)
    records = []
    for t, task in enumerate(sorted(outcome.chosen)):
        truth = problem.truth if problem.truth.ndim == 1 else problem.truth[:, t]
        values = [score(problem, one[task]) for one in (after, before, unguarded)]
        gap, error = difference(problem, truth, values[0], values[1])
        loose, loose_error = difference(problem, truth, values[2], values[1])
        records.append(
            {"family": family, "labels": n_labels, "seed": seed, "setting": name, "task": t}
            | {"gap": gap, "error": error, "unguarded": loose, "unguarded_error": loose_error}
            | {"verdict": outcome.verdicts[task], "seconds": time.process_time() - began}
        )
    return records


def first_and_last(
    problem: Problem, outcome: CoTrainingResult
) -> tuple[dict[str, Prediction], dict[str, Prediction]]:
    """Return what the supervised start and the last round, unguarded, say of the test rows, by task."""
    inputs = {"inputs": torch.from_numpy(problem.test).float()}
    first, last = (
        replace(outcome, chosen=dict.fromkeys(outcome.chosen, number)).predictions(inputs)
        for number in (0, len(outcome.fitted) - 1)
    )
    return first, last


def score(problem: Problem, prediction: Prediction) -> np.ndarray:
    """Return what the metric is made of, per test row."""
    if prediction.probabilities is None:
        assert prediction.values is not None
        return prediction.values[:, 0].double().numpy()
    return prediction.probabilities[:, 0, 1].double().numpy()


def metric(problem: Problem, truth: np.ndarray, values: np.ndarray) -> float:
    if problem.number:
        # The coded values are the numbers but for scale and shift.
        return float(np.corrcoef(truth, values)[0, 1] ** 2) if values.std() > 0 else 0.0
    if problem.auroc:
        return float(roc_auc_score(truth, values))
    return float(np.mean((values > 0.5) == truth))


def difference(
    problem: Problem, truth: np.ndarray, after: np.ndarray, before: np.ndarray
) -> tuple[float, float]:
    """Return by how much `after` is better on the test rows, and its standard error by the bootstrap."""
    generator = np.random.default_rng(0)
    gap = metric(problem, truth, after) - metric(problem, truth, before)
    gaps = []
    for _ in range(50):
        rows = generator.integers(0, len(truth), len(truth))
        if not problem.auroc or len(np.unique(truth[rows])) == 2:
            gaps.append(
                metric(problem, truth[rows], after[rows]) - metric(problem, truth[rows], before[rows])
            )
    return gap, float(np.std(gaps))


def print_table(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    print("\n| family | setting | labels | runs | lost | unguarded lost | mean gap | true gains | kept |")
    print("|---|---|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str, Any], list[dict[str, Any]]] = {}
    for row in rows:
        family = row["family"] + (f", task {row['task'] + 1}" if row["family"] == "two-tasks" else "")
        for key in ((family, row["setting"], row["labels"]), ("all", row["setting"], "all")):
            groups.setdefault(key, []).append(row)
    for (family, setting, labels), found in sorted(groups.items(), key=str):
        print(f"| {family} | {setting} | {labels} | {len(found)} | {line(found)} |")


def line(found: Sequence[dict[str, Any]]) -> str:
    lost = np.mean([row["gap"] < -row["error"] for row in found])
    unguarded = np.mean([row["unguarded"] < -row["unguarded_error"] for row in found])
    gains = [row for row in found if row["unguarded"] >= GAIN]
    kept = [row for row in gains if row["gap"] >= row["unguarded"] / 2]
    share = f"{len(kept) / len(gains):.0%}" if gains else "–"
    gap = np.mean([row["gap"] for row in found])
    return f"{lost:.1%} | {unguarded:.0%} | {gap:+.3f} | {len(gains)} | {share}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", nargs="*", default=list(FAMILIES), help=f"of {', '.join(FAMILIES)}")
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 60, 100, 200])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    done = set()
    if given.results.exists():
        rows = [json.loads(line) for line in given.results.read_text().splitlines()]
        done = {(row["family"], row["labels"], row["seed"], row["setting"]) for row in rows}
    jobs = [
        (family, n_labels, seed, name)
        for seed in range(given.seeds)
        for family in given.family
        for n_labels in given.labels
        for name in given.settings
        if (family, n_labels, seed, name) not in done
    ]
    with ProcessPoolExecutor(given.processes) as pool, given.results.open("a") as file:
        for records in pool.map(run, jobs):
            file.write("".join(json.dumps(record) + "\n" for record in records))
            file.flush()
    if given.table:
        print_table(given.results)


if __name__ == "__main__":
    main()
