from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.tasks import Regression
from cotrain.tasks.table._quantile_metrics import quantile_metrics, quantile_record

RNG = np.random.default_rng(0)
LEVELS = np.array([0.2, 0.5, 0.9])
SAID = np.sort(RNG.normal(size=(40, 2, 3)), axis=2)
SCORES = np.stack([SAID, np.broadcast_to(LEVELS, SAID.shape)], axis=-1)
TRUE = RNG.normal(size=(40, 2))
MASK = RNG.random((40, 2)) < 0.8


def test_records_of_parts_are_those_of_all_and_masked_targets_say_nothing() -> None:
    whole = quantile_record(SCORES, TRUE, MASK)
    parts = [quantile_record(SCORES[rows], TRUE[rows], MASK[rows]) for rows in (slice(0, 9), slice(9, 40))]
    assert np.array_equal(whole, np.concatenate(parts), equal_nan=True)
    assert (np.isnan(whole.reshape(40, 2, 4)).all(axis=2) == ~MASK).all()


def test_one_target_is_a_part_and_the_figure_is_their_mean() -> None:
    for metric in quantile_metrics():
        records = metric.record(SCORES, TRUE, MASK)
        assert metric.parts is not None
        parts = metric.parts(records, 2)
        for t in range(2):
            alone = metric.compute(SCORES[:, [t]], TRUE[:, [t]], MASK[:, [t]])
            assert parts[t] == pytest.approx(alone)
        assert metric.value(records) == pytest.approx(parts.mean())


def test_a_row_of_weight_two_counts_as_two() -> None:
    times = RNG.integers(0, 4, 40)
    rows = np.repeat(np.arange(40), times)
    for metric in quantile_metrics():
        ours = metric.compute(SCORES, TRUE, MASK * times[:, None].astype(float))
        assert ours == pytest.approx(metric.compute(SCORES[rows], TRUE[rows], MASK[rows]))


def test_one_number_a_row_has_no_such_figures() -> None:
    assert np.isnan(quantile_record(TRUE, TRUE, MASK)).all()
    assert all(np.isnan(metric.compute(TRUE, TRUE, MASK)) for metric in quantile_metrics())


@pytest.mark.parametrize("first", ["coverage", "interval_width"])
def test_what_the_widest_or_the_narrowest_interval_is_best_in_chooses_nothing(first: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"'{first}' cannot be the first metric.*: .*pinball, coverage_error"
    ):
        Regression("y", quantiles=[0.1, 0.9], metrics=[first, "pinball"])
    task = Regression("y", quantiles=[0.1, 0.9], metrics=["pinball", first])
    assert [metric.describes for metric in task.chosen_metrics()] == [False, True]


def test_the_metric_that_comes_first_without_a_choice_judges() -> None:
    task = Regression("y", quantiles=[0.1, 0.9])
    task.fit(pl.DataFrame({"y": [1.0, 2.0, 3.0]}))
    assert not task.chosen_metrics()[0].describes
