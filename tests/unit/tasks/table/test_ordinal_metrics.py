from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from cotrain.tasks.table._ordinal_metrics import levels_of, ordinal_metrics, quadratic_kappa


def rows(seed: int, n_levels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_levels), 80), rng.integers(0, n_levels, (80, 1)).astype(float)


def test_the_level_is_the_median_of_its_distribution() -> None:
    probabilities, _ = rows(0)
    for row, level in zip(probabilities, levels_of(probabilities), strict=True):
        passed = [row[k + 1 :].sum() > 0.5 for k in range(3)]
        assert level == sum(passed)


@pytest.mark.parametrize("seed", range(3))
def test_kappa_equals_scikit_learns(seed: int) -> None:
    probabilities, targets = rows(seed)
    levels = levels_of(probabilities)
    expected = sk.cohen_kappa_score(targets[:, 0].astype(int), levels, weights="quadratic")
    assert quadratic_kappa(levels, targets[:, 0]) == pytest.approx(expected)


def test_kappa_is_not_defined_where_both_sides_have_one_and_the_same_level() -> None:
    assert np.isnan(quadratic_kappa(np.zeros(5, int), np.zeros(5)))


def test_every_metric_looks_at_labelled_rows_only() -> None:
    probabilities, targets = rows(1)
    mask = np.arange(80)[:, None] % 3 > 0
    for metric in ordinal_metrics():
        kept = mask[:, 0]
        expected = metric.compute(probabilities[kept], targets[kept], np.ones((kept.sum(), 1), bool))
        spoiled = np.where(mask, targets, 3 - targets)
        assert metric.compute(probabilities, spoiled, mask) == pytest.approx(expected), metric.name
        assert np.isnan(metric.compute(probabilities, targets, np.zeros_like(mask)))


def test_within_one_counts_neighbours() -> None:
    probabilities = np.eye(4)[[0, 1, 3]]
    within = next(metric for metric in ordinal_metrics() if metric.name == "within_one")
    assert within.compute(probabilities, np.array([[1.0], [1.0], [0.0]]), np.ones((3, 1), bool)) == (2 / 3)
