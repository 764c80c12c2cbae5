"""Segmentation figures, held against their definitions pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from cotrain.tasks.dense._segmentation_metrics import segmentation_metrics, segmentation_record

N_CLASSES = 4


def pictures(seed: int, n: int = 5, shape: tuple[int, int] = (6, 9)) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(seed)
    targets = draw.integers(0, N_CLASSES - 1, (n, *shape))
    scores = np.where(draw.random(targets.shape) < 0.6, targets, draw.integers(0, N_CLASSES, targets.shape))
    return scores, targets, draw.random(targets.shape) < 0.8


def literally(scores, targets, mask) -> dict[str, float]:
    pixels = [(int(s), int(t)) for s, t in zip(scores[mask], targets[mask], strict=True)]
    iou, dice = [], []
    for c in range(N_CLASSES):
        hits = sum(s == t == c for s, t in pixels)
        said, true = sum(s == c for s, _ in pixels), sum(t == c for _, t in pixels)
        if said + true:
            iou.append(hits / (said + true - hits))
            dice.append(2 * hits / (said + true))
    return {
        "miou": sum(iou) / len(iou) if iou else math.nan,
        "dice": sum(dice) / len(dice) if dice else math.nan,
        "pixel_accuracy": sum(s == t for s, t in pixels) / len(pixels) if pixels else math.nan,
    }


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_definitions_pixel_by_pixel(seed: int):
    given_ = pictures(seed)
    found = {metric.name: metric.compute(*given_) for metric in segmentation_metrics(N_CLASSES)}
    assert found == pytest.approx(literally(*given_), abs=1e-12)


def test_equals_scikit_learn():
    scores, targets, mask = pictures(9)
    found = segmentation_metrics(N_CLASSES)[0].compute(scores, targets, mask)
    assert found == pytest.approx(jaccard_score(targets[mask], scores[mask], average="macro"), abs=1e-12)


def test_a_class_that_training_never_had_counts_as_wrong():
    scores, targets, mask = pictures(1)
    strange = targets.copy()
    strange[0] = N_CLASSES + 3
    before, after = (
        segmentation_metrics(N_CLASSES)[2].compute(scores, one, mask) for one in (targets, strange)
    )
    assert after < before
    assert after == pytest.approx(((scores == targets)[1:] & mask[1:]).sum() / mask.sum())


def test_a_picture_without_a_label_has_no_say():
    scores, targets, mask = pictures(2)
    mask[3] = False
    kept = np.arange(5) != 3
    for metric in segmentation_metrics(N_CLASSES):
        assert metric.compute(scores, targets, mask) == metric.compute(
            scores[kept], targets[kept], mask[kept]
        )
    assert np.isnan(segmentation_record(scores, targets, mask, N_CLASSES)[3]).all()


def test_records_of_joined_pictures_are_the_joined_records():
    given_ = pictures(3)
    parts = [segmentation_record(*(one[i : i + 2] for one in given_), N_CLASSES) for i in (0, 2, 4)]
    assert np.array_equal(np.concatenate(parts), segmentation_record(*given_, N_CLASSES))


@pytest.mark.parametrize("metric", segmentation_metrics(N_CLASSES), ids=lambda metric: metric.name)
def test_without_labels_there_is_no_figure(metric):
    scores, targets, mask = pictures(4)
    assert math.isnan(metric.compute(scores, targets, np.zeros_like(mask)))
    assert math.isnan(metric.value(metric.record(scores[:0], targets[:0], mask[:0])))
