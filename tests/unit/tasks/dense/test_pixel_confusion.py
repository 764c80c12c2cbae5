"""Which classes of pixels are taken for which, counted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from cotrain.tasks.dense._pixel_confusion import MOST_CLASSES, pixel_confusion

NAMES = ["ground", "tree", "sky"]


def pictures(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    scores, targets = draw.integers(0, 3, (5, 4, 6)), draw.integers(0, 4, (5, 4, 6))
    mask = draw.random((5, 4, 6)) < 0.7
    mask[2] = False
    return scores.astype(float), targets.astype(float), mask


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_a_loop_over_labelled_pixels_of_known_classes(seed: int):
    scores, targets, mask = pictures(seed)
    expected = [[0] * 3 for _ in NAMES]
    for place in zip(*np.nonzero(mask), strict=True):
        if targets[place] < 3:
            expected[int(targets[place])][int(scores[place])] += 1
    found = pixel_confusion(3)
    records = found.record(scores, targets, mask)
    assert found.summary(records, NAMES)["confusion"] == {"names": NAMES, "counts": expected, "of": "pixels"}
    assert np.isnan(records[2]).all()


def test_records_of_joined_pictures_are_joined_records():
    scores, targets, mask = pictures(0)
    found = pixel_confusion(3)
    parts = [found.record(scores[rows], targets[rows], mask[rows]) for rows in (slice(0, 2), slice(2, 5))]
    assert np.array_equal(np.concatenate(parts), found.record(scores, targets, mask), equal_nan=True)


def test_nothing_labelled_and_too_many_classes_show_nothing():
    scores, targets, mask = pictures(0)
    found = pixel_confusion(3)
    assert found.summary(found.record(scores, targets, np.zeros_like(mask)), NAMES) == {}
    many = pixel_confusion(MOST_CLASSES + 1)
    assert many.record(scores, targets, mask).shape == (5, 0)
    assert many.summary(np.zeros((5, 0)), NAMES) == {}
