from __future__ import annotations

import numpy as np
import pytest

from cotrain.tasks.sequence._spans import SpanTags, most_probable
from cotrain.tasks.sequence._tagging_metrics import TaggingFigures

TAGS = ["O", "B-loc", "I-loc", "B-per", "I-per"]
SPANS = SpanTags(TAGS)
FIGURES = TaggingFigures(lambda probabilities: most_probable(probabilities, SPANS), SPANS)
METRICS = {metric.name: metric for metric in FIGURES.metrics()}


def rows(seed: int = 0, n_rows: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 7, (n_rows, 9))
    scores = rng.dirichlet(np.ones(5), targets.shape) + np.eye(5)[np.minimum(targets, 4)]
    mask = rng.random(targets.shape) < 0.8
    mask[3] = False
    return scores / scores.sum(axis=-1, keepdims=True), targets.astype(float), mask


def test_figures_are_those_of_a_loop_over_the_tokens() -> None:
    scores, targets, mask = rows()
    predicted = most_probable(scores, SPANS)
    right, losses, whole = [], [], []
    for row in range(len(targets)):
        known = np.flatnonzero(mask[row])
        right += (hits := [predicted[row, s] == targets[row, s] for s in known])
        whole += [all(hits)] if len(known) else []
        losses += [
            -np.log(scores[row, s, int(targets[row, s])] if targets[row, s] < 5 else scores[row, s].min())
            for s in known
        ]
    found = {name: metric.compute(scores, targets, mask) for name, metric in METRICS.items()}
    assert found["token_accuracy"] == pytest.approx(np.mean(right))
    assert found["row_accuracy"] == pytest.approx(np.mean(whole))
    assert found["log_loss"] == pytest.approx(np.mean(losses))
    hits, said, true = SPANS.counts(targets.astype(int), predicted, mask).sum(axis=(0, 2))
    assert found["span_f1"] == pytest.approx(2 * hits / (said + true))
    assert found["span_precision"] == pytest.approx(hits / said)
    assert found["span_recall"] == pytest.approx(hits / true)


def test_records_of_joined_rows_are_joined_records_whatever_their_padding() -> None:
    scores, targets, mask = rows()
    mask[:5, 6:] = False
    scores[:5, 6:], targets[:5, 6:] = 0.2, 0
    metric = METRICS["span_f1"]
    whole = metric.record(scores, targets, mask)
    pieces = [metric.record(scores[:5, :6], targets[:5, :6], mask[:5, :6]),
              metric.record(scores[5:], targets[5:], mask[5:])]  # fmt: skip
    np.testing.assert_allclose(np.concatenate(pieces), whole)
    assert np.isnan(whole[3]).all()


def test_f1_comes_apart_by_type_and_a_type_never_seen_counts_as_missed() -> None:
    scores, targets, mask = np.eye(5)[[[1, 2, 0, 3]]], np.array([[1, 2, 5, 3]]), np.ones((1, 4), bool)
    metric = METRICS["span_f1"]
    assert metric.compute(scores, targets, mask) == pytest.approx(2 * 2 / (2 + 3))
    assert metric.parts is not None
    np.testing.assert_array_equal(metric.parts(metric.record(scores, targets, mask), 2), [1.0, 1.0])
    assert METRICS["span_recall"].compute(scores, targets, mask) == pytest.approx(2 / 3)


def test_without_a_label_or_a_span_nothing_is_defined() -> None:
    scores, targets = np.eye(5)[[[0, 0]]], np.zeros((1, 2))
    for metric in METRICS.values():
        assert np.isnan(metric.compute(scores, targets, np.zeros((1, 2), bool)))
        assert np.isnan(metric.value(metric.record(scores[:0], targets[:0], np.zeros((0, 2), bool))))
    assert np.isnan(METRICS["span_f1"].compute(scores, targets, np.ones((1, 2), bool)))
    assert METRICS["token_accuracy"].compute(scores, targets, np.ones((1, 2), bool)) == 1.0
