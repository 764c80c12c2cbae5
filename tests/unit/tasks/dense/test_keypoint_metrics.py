"""Distances and shares of near points, against loops."""

from __future__ import annotations

import numpy as np
import pytest

from cotrain.tasks.dense._keypoint_metrics import NEAR, keypoint_metrics, keypoint_record

METRICS = {metric.name: metric for metric in keypoint_metrics()}


def drawn(n: int = 30, n_points: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    said = draw.random((n, n_points, 3))
    true = np.concatenate([draw.random((n, n_points, 2)), np.zeros((n, n_points, 2))], axis=-1)
    true[..., :2] = 0.7 * said[..., :2] + 0.3 * true[..., :2]
    true[..., 2:] = draw.integers(20, 90, (n, 1, 2))
    mask = draw.random((n, n_points)) < 0.6
    mask[3] = False
    return said, true, mask


def literal(said: np.ndarray, true: np.ndarray, mask: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    sums, total = dict.fromkeys(METRICS, 0.0), 0.0
    for row in range(len(said)):
        for point in range(said.shape[1]):
            if not mask[row, point]:
                continue
            width, height = true[row, point, 2:]
            across = (said[row, point, 0] - true[row, point, 0]) * width
            down = (said[row, point, 1] - true[row, point, 1]) * height
            away = (across**2 + down**2) ** 0.5
            total += weights[row]
            sums["distance"] += weights[row] * away
            for most in NEAR:
                sums[f"pck{round(most * 100):02d}"] += weights[row] * (away <= most * max(width, height))
    return {name: value / total for name, value in sums.items()}


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_are_means_over_the_labelled_points(weighted: bool):
    said, true, mask = drawn()
    weights = np.arange(len(said)) % 3.0 if weighted else np.ones(len(said))
    for name, expected in literal(said, true, mask, weights).items():
        record = METRICS[name].record(said, true, mask)
        found = METRICS[name].value(record, weights) if weighted else METRICS[name].value(record)
        assert found == pytest.approx(expected, rel=1e-9)
        for point in range(mask.shape[1]):
            own = np.zeros_like(mask)
            own[:, point] = mask[:, point]
            part = METRICS[name].parts_of(record, mask.shape[1], weights if weighted else None)[point]
            assert part == pytest.approx(literal(said, true, own, weights)[name], rel=1e-9)


def test_pictures_without_a_label_are_nan_and_add_nothing():
    said, true, mask = drawn()
    record = keypoint_record(said, true, mask)
    assert np.isnan(record[3]).all()
    others = np.arange(len(said)) != 3
    assert METRICS["distance"].value(record) == METRICS["distance"].value(record[others])
    assert np.isnan(METRICS["pck10"].value(record[3:4]))
    assert np.isnan(METRICS["pck10"].parts_of(record[3:4], 4, None)).all()


def test_a_point_just_as_far_off_as_the_bound_is_near():
    said, true = np.array([[[0.5, 0.5, 1.0]]]), np.array([[[0.6, 0.5, 80.0, 40.0]]])
    assert METRICS["pck10"].compute(said, true, np.ones((1, 1), bool)) == 1.0
    assert METRICS["pck05"].compute(said, true, np.ones((1, 1), bool)) == 0.0
    assert METRICS["distance"].compute(said, true, np.ones((1, 1), bool)) == pytest.approx(8.0)
