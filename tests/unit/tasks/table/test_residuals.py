from __future__ import annotations

import numpy as np

from cotrain.tasks.table._residuals import SAMPLE, residuals


def test_the_figures_are_of_all_rows_and_the_picture_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(900, 2))
    scores, mask = truth + 0.5, rng.random((900, 2)) < 0.8
    diagnosis = residuals()
    one, two = diagnosis.summary(diagnosis.record(scores, truth, mask), ["a", "b"])["residuals"]
    assert (one["n"], two["n"]) == tuple(mask.sum(axis=0))
    assert len(one["true"]) == len(two["predicted"]) == SAMPLE
    assert one["mean_error"] == one["half_within"] == 0.5
