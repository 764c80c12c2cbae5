from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from cotrain.tasks import Metric, Regression, Task


def metric(kind: type[Task], name: str) -> Metric:
    return next(found for found in kind.available_metrics() if found.name == name)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mae", sk.mean_absolute_error),
        ("rmse", sk.root_mean_squared_error),
        ("r2", sk.r2_score),
    ],
)
def test_value_metrics_equal_scikit_learn(name: str, reference) -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(80, 2))
    scores = targets + rng.normal(size=(80, 2))
    mask = rng.random((80, 2)) < 0.6
    expected = [reference(targets[mask[:, t], t], scores[mask[:, t], t]) for t in range(2)]
    found = metric(Regression, name)
    assert found.parts is not None
    np.testing.assert_allclose(found.parts(found.record(scores, targets, mask), scores.shape[1]), expected)
    assert found.compute(scores, targets, mask) == pytest.approx(np.mean(expected))


def test_spearman_equals_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    targets = np.round(rng.normal(size=60), 1)
    scores = np.round(targets + rng.normal(size=60), 1)
    value = metric(Regression, "spearman").compute(scores[:, None], targets[:, None], np.ones((60, 1), bool))
    assert value == pytest.approx(spearmanr(scores, targets).statistic)


def test_values_that_lie_far_from_zero_and_close_together_keep_their_order() -> None:
    # Seconds since 1970 over one hour: their distance is a millionth of their size.
    targets = 1.7e9 + np.arange(60.0)[:, None] * 60
    mask = np.ones(targets.shape, bool)
    assert metric(Regression, "spearman").compute(targets[::-1], targets, mask) == pytest.approx(-1.0)


def test_a_constant_with_rounding_of_its_own_has_no_rank_correlation() -> None:
    targets = np.arange(9.0)[:, None]
    constant = np.full((9, 1), np.float32(4.1)) + np.spacing(np.float32(4.1)) * (np.arange(9) % 3)[:, None]
    assert np.isnan(metric(Regression, "spearman").compute(constant, targets, np.ones((9, 1), bool)))


@pytest.mark.parametrize("found", Regression.available_metrics(), ids=lambda found: found.name)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-6, 1e6, 1e30])
def test_a_unit_changes_an_error_by_itself_and_a_share_not_at_all(
    found: Metric, weighted: bool, unit: float
) -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(60, 1)) + 5
    scores = targets + rng.normal(size=(60, 1))
    mask = rng.integers(0, 3, size=(60, 1)) * 1.0 if weighted else rng.random((60, 1)) < 0.6
    factor = unit if found.direction == "min" else 1.0
    expected = found.compute(scores, targets, mask) * factor
    assert found.compute(scores * unit, targets * unit, mask) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-12, 3e30])
def test_equal_targets_have_no_r2(value: float) -> None:
    targets, mask = np.full((30, 1), value), np.ones((30, 1), bool)
    assert np.isnan(metric(Regression, "r2").compute(targets + 1, targets, mask))
