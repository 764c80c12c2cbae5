from __future__ import annotations

import numpy as np

from cotrain.tasks.table._calibration_bins import calibration_bins


def test_every_row_is_in_the_bin_of_its_confidence() -> None:
    rng = np.random.default_rng(0)
    confidence, right = rng.random(500), rng.random(500) < 0.5
    found = calibration_bins(confidence, right)
    assert sum(part["n"] for part in found) == 500
    for number, part in enumerate(found):
        rows = (confidence >= number / 10) & (confidence < (number + 1) / 10)
        assert part["n"] == rows.sum()
        assert part["right"] == round(float(right[rows].mean()), 4)


def test_what_lies_on_an_edge_is_in_the_upper_bin_and_one_is_in_the_last() -> None:
    assert [part["confidence"] for part in calibration_bins(np.array([0.3, 1.0]), np.ones(2))] == [0.3, 1.0]
    assert calibration_bins(np.array([0.95, 1.0]), np.ones(2))[0]["n"] == 2
