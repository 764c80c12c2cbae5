from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from cotrain.tasks import Binary, Metric, Multiclass, Regression, Task


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


def class_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 4, 150)
    scores = rng.dirichlet(np.ones(4), 150) + 0.4 * np.eye(4)[targets]
    return scores / scores.sum(axis=1, keepdims=True), targets


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("accuracy", lambda y, p: sk.accuracy_score(y, p.argmax(1))),
        ("balanced_accuracy", lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1))),
        ("f1", lambda y, p: sk.f1_score(y, p.argmax(1), average="macro")),
        ("precision", lambda y, p: sk.precision_score(y, p.argmax(1), average="macro", zero_division=0)),
        ("recall", lambda y, p: sk.recall_score(y, p.argmax(1), average="macro", zero_division=0)),
        ("auroc", lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr")),
        ("average_precision", sk.average_precision_score),
        ("log_loss", sk.log_loss),
        ("brier", lambda y, p: np.mean(np.sum((p - np.eye(4)[y]) ** 2, axis=1))),
    ],
)
def test_class_metrics_equal_scikit_learn(name: str, reference, seed: int) -> None:
    scores, targets = class_rows(seed)
    mask = np.ones((150, 1), bool)
    value = metric(Multiclass, name).compute(scores, targets[:, None], mask)
    assert value == pytest.approx(reference(targets, scores), abs=1e-9)


def test_class_metrics_with_an_unknown_class_equal_scikit_learn() -> None:
    scores, targets = class_rows(0)
    targets[:20] = 4
    mask = np.ones((150, 1), bool)
    predicted = scores.argmax(axis=1)
    for name, reference in (
        ("accuracy", sk.accuracy_score(targets, predicted)),
        ("f1", sk.f1_score(targets, predicted, average="macro")),
        ("balanced_accuracy", sk.balanced_accuracy_score(targets, predicted)),
        ("precision", sk.precision_score(targets, predicted, average="macro", zero_division=0)),
    ):
        assert metric(Multiclass, name).compute(scores, targets[:, None], mask) == pytest.approx(reference)


def test_class_parts() -> None:
    scores, targets = class_rows(1)
    found = metric(Multiclass, "f1")
    assert found.parts is not None
    parts = found.parts(scores, targets[:, None], np.ones((150, 1), bool))
    np.testing.assert_allclose(parts, sk.f1_score(targets, scores.argmax(1), average=None))


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
    np.testing.assert_allclose(found.parts(scores, targets, mask), expected)
    assert found.compute(scores, targets, mask) == pytest.approx(np.mean(expected))


def test_spearman_equals_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    targets = np.round(rng.normal(size=60), 1)
    scores = np.round(targets + rng.normal(size=60), 1)
    value = metric(Regression, "spearman").compute(scores[:, None], targets[:, None], np.ones((60, 1), bool))
    assert value == pytest.approx(spearmanr(scores, targets).statistic)


@pytest.mark.parametrize("name", ["auroc", "average_precision", "recall"])
def test_undefined_is_nan_without_a_warning(name: str) -> None:
    value = metric(Binary, name).compute(np.array([[0.2], [0.3]]), np.zeros((2, 1)), np.ones((2, 1), bool))
    assert np.isnan(value)
