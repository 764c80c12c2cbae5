"""A metric is the value of records: of those of joined rows, and what the formulas of all rows give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain import tasks

from .literal_metrics import LITERAL

CASES = [(kind, metric) for kind in LITERAL for metric in getattr(tasks, kind).available_metrics()]
IDS = [f"{kind}-{metric.name}" for kind, metric in CASES]


def rows(kind: str, n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make scores with ties, targets with unknown classes, and a mask with holes; sometimes none labelled."""
    rng = np.random.default_rng(seed)
    labelled = rng.choice([0.0, 0.3, 0.8, 1.0])
    if kind in ("Multiclass", "Ordinal"):
        classes = int(rng.integers(2, 7))
        scores = rng.dirichlet(np.ones(classes), n_rows)
        targets = rng.integers(0, classes + (kind == "Multiclass"), (n_rows, 1)).astype(float)
        scores = np.where(rng.random((n_rows, 1)) < 0.3, 1 / classes, scores)
    else:
        width = 1 if kind == "Binary" else int(rng.integers(1, 5))
        scores = rng.integers(0, 16, (n_rows, width)) / 15
        targets = rng.integers(0, 2, (n_rows, width)).astype(float)
        if kind == "Regression":
            scores, targets = 50 * rng.normal(size=(2, n_rows, width)).round(1)
    return scores, targets, rng.random(targets.shape) < labelled


def test_the_formulas_are_those_of_every_metric():
    for kind, formulas in LITERAL.items():
        assert [metric.name for metric in getattr(tasks, kind).available_metrics()] == list(formulas)


@pytest.mark.parametrize(("kind", "metric"), CASES, ids=IDS)
@given(n_rows=st.integers(1, 60), seed=st.integers(0, 2**16))
def test_records_give_what_the_formulas_give(kind, metric, n_rows, seed):
    parts, compute = LITERAL[kind][metric.name]
    scores, targets, mask = rows(kind, n_rows, seed)
    np.testing.assert_allclose(
        metric.compute(scores, targets, mask), compute(scores, targets, mask), rtol=1e-12, atol=1e-12
    )
    assert (parts is None) == (metric.parts is None)
    if metric.parts is not None:
        n_parts = scores.shape[1]
        found = metric.parts(metric.record(scores, targets, mask), n_parts)
        np.testing.assert_allclose(found, parts(scores, targets, mask), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kind", "metric"), CASES, ids=IDS)
@given(n_rows=st.integers(2, 40), seed=st.integers(0, 2**16))
def test_records_of_joined_rows_are_joined_records(kind, metric, n_rows, seed):
    everything = rows(kind, n_rows, seed)
    cut = seed % (n_rows + 1)
    records = metric.record(*everything)
    pieces = [metric.record(*(part[of] for part in everything)) for of in (slice(cut), slice(cut, None))]
    assert records.dtype == np.float64
    np.testing.assert_array_equal(np.concatenate(pieces), records)
    resampled = np.random.default_rng(seed).integers(0, n_rows, n_rows)
    np.testing.assert_allclose(
        metric.value(records[resampled]),
        metric.compute(*(part[resampled] for part in everything)),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize(("kind", "metric"), CASES, ids=IDS)
def test_of_no_row_at_all_no_figure_is_defined(kind, metric):
    none = metric.record(*(part[:0] for part in rows(kind, 5, 0)))
    assert none.shape[0] == 0
    assert np.isnan(metric.value(none))
    assert metric.parts is None or np.isnan(metric.parts(none, 3 if kind == "Ordinal" else 1)).all()


def test_thousands_of_classes_cost_nothing_but_their_probabilities():
    # A matrix of true and predicted classes would have 4e8 cells.
    n_classes, rng = 20_000, np.random.default_rng(0)
    scores, targets = rng.random((4, n_classes)), rng.integers(0, n_classes, (4, 1)).astype(float)
    wide = {"auroc", "average_precision"}
    for metric in tasks.Multiclass.available_metrics():
        records = metric.record(scores, targets, np.ones((4, 1), bool))
        assert records.shape[1] <= (n_classes + 1 if metric.name in wide else 2)
        assert isinstance(metric.value(records), float)
