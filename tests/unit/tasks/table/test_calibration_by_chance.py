"""What chance alone makes of the calibration error is what many draws of labels make of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from cotrain.evaluation import evaluate_scores
from cotrain.tasks import Binary, Multiclass, Multilabel, Task
from cotrain.tasks.table._binary_metrics import calibration_error_by_chance, expected_calibration_error
from cotrain.tasks.table._calibration_by_chance import error_by_chance


def drawn(confidence: np.ndarray, weights: np.ndarray | None = None, n_draws: int = 2000) -> np.ndarray:
    """The errors that labels drawn from the very probabilities give."""
    rng = np.random.default_rng(0)
    return np.array(
        [
            expected_calibration_error(confidence, rng.random(len(confidence)) < confidence, weights=weights)
            for _ in range(n_draws)
        ]
    )


CONFIDENCE = {
    "of classes": lambda rng, n: 0.25 + 0.75 * rng.random(n),
    "of a rare yes": lambda rng, n: rng.beta(0.3, 9, n),
    "all alike": lambda rng, n: np.full(n, 0.7),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [12, 516, 4000])
@pytest.mark.parametrize("of", CONFIDENCE)
def test_it_is_the_mean_over_many_draws_of_labels(of: str, n: int, weighted: bool) -> None:
    rng = np.random.default_rng(n)
    confidence = CONFIDENCE[of](rng, n)
    weights = rng.uniform(0.2, 2, n) if weighted else None
    errors = drawn(confidence, weights, 1000)
    found = calibration_error_by_chance(confidence, np.zeros(n), weights)
    assert found == pytest.approx(errors.mean(), rel=0.12 if weighted else 0.07)


def test_of_516_labels_it_is_no_small_thing_and_few_cases_are_beyond_the_most() -> None:
    confidence = 0.25 + 0.75 * np.random.default_rng(0).random(516)
    errors = drawn(confidence)
    assert 0.045 < errors.mean() < 0.07
    bins = np.ceil(confidence * 15).astype(int)
    parts = [confidence[bins == one] for one in np.unique(bins)]
    mean, most = error_by_chance([part.mean() for part in parts], [len(part) for part in parts])
    assert mean == pytest.approx(errors.mean(), rel=0.03)
    assert 0.005 < (errors > most).mean() < 0.05


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (1, 0.5), (2, 0.5), (7, 0.999), (5, 0.2), (40, 0.05)])
def test_it_is_the_sum_over_all_outcomes(n: int, p: float) -> None:
    expected = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * abs(k / n - p) for k in range(n + 1))
    assert error_by_chance([p], [n])[0] == pytest.approx(expected)


def test_what_is_certain_is_never_off_and_of_nothing_there_is_none() -> None:
    assert error_by_chance([0.0, 1.0], [5, 9]) == (0.0, 0.0)
    assert math.isnan(error_by_chance([], [])[0])


TASKS: list[tuple[Task, int]] = [
    (Binary("y", metrics=["auroc", "calibration_error"]), 1),
    (Multiclass("word", metrics=["accuracy", "calibration_error"]), 1),
    (Multilabel("m", ["y", "z"], metrics=["auroc", "calibration_error", "calibration_error_micro"]), 3),
]


@pytest.mark.parametrize(("task", "n_rows"), TASKS, ids=lambda value: type(value).__name__)
def test_it_stands_beside_the_error_in_tables_and_records(task: Task, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"y": [0, 1] * 60, "z": [1, 1, 0] * 40, "word": ["a", "b", "c"] * 40})
    task.fit(frame)
    targets, mask = task.encode(frame)
    raw = rng.random((120, 3 if isinstance(task, Multiclass) else targets.shape[1]))
    scores: Any = raw / raw.sum(axis=1, keepdims=True) if isinstance(task, Multiclass) else raw
    rows = evaluate_scores(task, scores, targets, mask)
    told = [row for row in rows if row.by_chance is not None]
    assert {row.metric.removesuffix("_micro") for row in told} == {"calibration_error"}
    assert all(0.02 < row.by_chance < 0.2 for row in told if row.by_chance is not None)
    assert all("(chance alone: 0." in row.shown() for row in told)
