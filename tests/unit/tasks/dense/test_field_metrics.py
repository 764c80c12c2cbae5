"""Figures of depths and normals, held against their formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cotrain.tasks import Metric
from cotrain.tasks.dense._field_metrics import depth_metrics, normal_metrics, value_metrics


def fields(seed: int, n_channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    said, true = np.exp(draw.normal(size=(2, 4, n_channels, 3, 5)))
    if n_channels == 3:
        said, true = draw.normal(size=(2, 4, 3, 3, 5))
    mask = draw.random((4, 3, 5)) < 0.7
    mask[2] = False
    return said, true, mask


def by_hand(name: str, said: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """One loop over all labelled pixels."""
    values = []
    for b, y, x in zip(*np.nonzero(mask), strict=True):
        p, d = said[b, :, y, x], true[b, :, y, x]
        if len(p) == 3:
            cosine = sum(p * d) / math.sqrt(sum(p * p)) / math.sqrt(sum(d * d))
            angle = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
            values.append(angle if name == "mean_angle" else float(angle < float(name.split("_")[1])))
            continue
        p, d = float(p[0]), float(d[0])
        values.append(
            {
                "abs_rel": abs(p - d) / d,
                "rmse": (p - d) ** 2,
                "mae": abs(p - d),
                "log10": abs(math.log10(p) - math.log10(d)) if p > 0 else 0.0,
                "delta1": float(max(p / d, d / p) < 1.25),
            }[name]
        )
    mean = sum(values) / len(values)
    return math.sqrt(mean) if name == "rmse" else mean


CASES = [(metric, 1) for metric in [*depth_metrics(), *value_metrics()]]
CASES += [(metric, 3) for metric in normal_metrics()]


@pytest.mark.parametrize(("metric", "n_channels"), CASES, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_their_formulas(metric: Metric, n_channels: int, seed: int):
    said, true, mask = fields(seed, n_channels)
    assert metric.compute(said, true, mask) == pytest.approx(by_hand(metric.name, said, true, mask))


@pytest.mark.parametrize(("metric", "n_channels"), CASES, ids=lambda one: getattr(one, "name", one))
def test_records_of_joined_pictures_are_joined_records_and_unlabelled_ones_count_for_nothing(
    metric: Metric, n_channels: int
):
    said, true, mask = fields(0, n_channels)
    parts = [metric.record(said[rows], true[rows], mask[rows]) for rows in ([0, 1], [2, 3])]
    records = metric.record(said, true, mask)
    assert np.array_equal(np.concatenate(parts), records, equal_nan=True)
    assert np.isnan(records[2]).all()
    assert metric.value(records[[0, 1, 3]]) == metric.value(records)
    assert math.isnan(metric.value(records[[2]]))


@pytest.mark.parametrize(("metric", "n_channels"), CASES, ids=lambda one: getattr(one, "name", one))
def test_what_is_right_everywhere_has_the_best_value(metric: Metric, n_channels: int):
    _, true, mask = fields(1, n_channels)
    assert metric.compute(true, true, mask) == pytest.approx(metric.best, abs=1e-5)


def test_a_direction_without_length_is_not_nan():
    said, true = np.zeros((1, 3, 1, 1)), np.ones((1, 3, 1, 1))
    assert normal_metrics()[0].compute(said, true, np.ones((1, 1, 1), bool)) == pytest.approx(90)
