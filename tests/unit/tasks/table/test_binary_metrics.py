from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from cotrain.tasks import Binary, Metric, Task
from cotrain.tasks.table._binary_metrics import BINARY_FIGURES, ranks


def metric(kind: type[Task], name: str) -> Metric:
    return next(found for found in kind.available_metrics() if found.name == name)


def binary_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = (rng.random(200) < 0.3).astype(float)
    # Rounded, so that there are ties.
    return np.round(np.clip(0.3 * targets + rng.random(200) * 0.7, 0, 1), 1), targets


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("auroc", sk.roc_auc_score),
        ("average_precision", sk.average_precision_score),
        ("accuracy", lambda y, s: sk.accuracy_score(y, s > 0.5)),
        ("balanced_accuracy", lambda y, s: sk.balanced_accuracy_score(y, s > 0.5)),
        ("precision", lambda y, s: sk.precision_score(y, s > 0.5)),
        ("recall", lambda y, s: sk.recall_score(y, s > 0.5)),
        ("f1", lambda y, s: sk.f1_score(y, s > 0.5)),
        ("log_loss", lambda y, s: sk.log_loss(y, np.clip(s, 1e-15, 1 - 1e-15))),
        ("brier", sk.brier_score_loss),
    ],
)
def test_binary_metrics_equal_scikit_learn(name: str, reference, seed: int) -> None:
    scores, targets = binary_rows(seed)
    mask = np.random.default_rng(seed).random(200) < 0.7
    value = metric(Binary, name).compute(scores[:, None], targets[:, None], mask[:, None])
    assert value == pytest.approx(reference(targets[mask], scores[mask]), abs=1e-9)


def test_calibration_error_by_hand() -> None:
    scores = np.array([0.05, 0.06, 0.95, 0.5, 1.0, 0.0])
    targets = np.array([0.0, 1, 1, 0, 1, 0])
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (scores > low) & (scores <= low + 1 / 15) | ((low == 0) & (scores == 0))
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - targets[inside].mean())
    value = metric(Binary, "calibration_error").compute(
        scores[:, None], targets[:, None], np.ones((6, 1), bool)
    )
    assert value == pytest.approx(total)


@pytest.mark.parametrize("name", ["auroc", "average_precision", "recall"])
def test_undefined_is_nan_without_a_warning(name: str) -> None:
    value = metric(Binary, name).compute(np.array([[0.2], [0.3]]), np.zeros((2, 1)), np.ones((2, 1), bool))
    assert np.isnan(value)


def test_ranks_are_shared_by_what_is_equal_but_for_rounding() -> None:
    assert ranks(np.array([0.3, 0.1, 0.3 + 1e-9, 0.2])).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert ranks(np.array([])).tolist() == []


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("auroc", "roc_auc_score"),
        ("average_precision", "average_precision_score"),
        ("log_loss", "log_loss"),
        ("brier", "brier_score_loss"),
        ("accuracy", "accuracy_score"),
        ("balanced_accuracy", "balanced_accuracy_score"),
        ("precision", "precision_score"),
        ("recall", "recall_score"),
        ("f1", "f1_score"),
    ],
)
def test_rows_that_count_for_different_amounts_are_weighted_as_scikit_learn_does(
    name: str, reference: str
) -> None:

    rng = np.random.default_rng(0)
    scores, targets = rng.random(60).round(1).clip(0.1, 0.9), (rng.random(60) < 0.4).astype(float)
    weights = rng.gamma(1.0, size=60)
    hard = name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
    said = (scores > 0.5).astype(float) if hard else scores
    expected = getattr(sk, reference)(targets, said, sample_weight=weights)
    assert BINARY_FIGURES[name][1](scores, targets, weights) == pytest.approx(expected, rel=1e-9)
