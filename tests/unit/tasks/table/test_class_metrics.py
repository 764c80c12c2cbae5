from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from cotrain.tasks import Metric, Multiclass, Task


def metric(kind: type[Task], name: str) -> Metric:
    return next(found for found in kind.available_metrics() if found.name == name)


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
    parts = found.parts(found.record(scores, targets[:, None], np.ones((150, 1), bool)), 4)
    np.testing.assert_allclose(parts, sk.f1_score(targets, scores.argmax(1), average=None))
