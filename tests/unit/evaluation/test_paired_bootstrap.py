from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_ind, ttest_rel

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import paired_bootstrap
from cotrain.tasks import Binary, Metric, Regression

MEAN = Metric("mean", "max", lambda scores, targets, mask: scores, lambda records: float(records.mean()))
RMSE = Regression.available_metrics()[0]
AUROC = Binary.available_metrics()[0]


def all_of(n_rows: int) -> np.ndarray:
    return np.ones((n_rows, 1), bool)


def test_positive_is_better_in_either_direction() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 1))
    near, far = y + 0.1 * rng.normal(size=y.shape), y + rng.normal(size=y.shape)
    found = paired_bootstrap(RMSE, [near], [far], y, mask=all_of(200))
    assert 0 < found.low < found.value < found.high
    assert found.p_value < 0.001
    turned = paired_bootstrap(RMSE, [far], [near], y, mask=all_of(200))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    labels = (y > 0).astype(float)
    assert paired_bootstrap(AUROC, [near], [far], labels, mask=all_of(200)).low > 0


def test_with_one_seed_the_width_is_that_of_the_mean_over_rows() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 1))
    found = paired_bootstrap(
        MEAN, [scores], [np.zeros_like(scores)], scores, mask=all_of(400), n_resamples=2000
    )
    expected = 1.966 * scores.std(ddof=1) / 20
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.06)


def test_the_same_model_twice_does_not_differ() -> None:
    scores = np.random.default_rng(0).random((50, 1))
    found = paired_bootstrap(MEAN, [scores, scores], [scores, scores], scores, mask=all_of(50))
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_p_value_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(0)
    scores = [0.1 + rng.normal(size=(100, 1)) for _ in range(3)]
    zero = [np.zeros((100, 1))] * 3
    found = paired_bootstrap(MEAN, scores, zero, zero[0], mask=all_of(100))
    touching = paired_bootstrap(MEAN, scores, zero, zero[0], mask=all_of(100), level=1 - found.p_value)
    assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)


def test_unlabelled_rows_change_nothing_and_the_seed_fixes_the_result() -> None:
    rng = np.random.default_rng(0)
    a, b, y = rng.random((3, 80, 1))
    mask = rng.random((80, 1)) < 0.6
    found = paired_bootstrap(RMSE, [a], [b], y, mask=mask)
    again = paired_bootstrap(RMSE, [np.where(mask, a, 99)], [np.where(mask, b, -5)], y, mask=mask)
    assert found == again
    assert found.n_rows == mask.sum()


def test_undefined_is_nan() -> None:
    a = np.random.default_rng(0).random((20, 1))
    nothing = paired_bootstrap(AUROC, [a], [a], np.zeros((20, 1)), mask=np.zeros((20, 1), bool))
    assert math.isnan(nothing.value)
    assert nothing.n_rows == 0
    one_class = paired_bootstrap(AUROC, [a], [a], np.zeros((20, 1)), mask=all_of(20))
    assert math.isnan(one_class.low)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scores_a": []}, "got 0 and 1 seeds"),
        ({"scores_b": [np.zeros((4, 1))]}, r"have \[4, 5\] rows"),
        ({"level": 95}, "level=95"),
        ({"n_resamples": 1}, "n_resamples=1"),
    ],
)
def test_arguments_are_checked(change: dict, sentence: str) -> None:
    part = np.zeros((5, 1))
    options = {"scores_a": [part], "scores_b": [part], "targets": part, "mask": all_of(5)} | change
    with pytest.raises(InvalidArgumentError, match=sentence):
        paired_bootstrap(MEAN, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_seeds", "of_seed", "of_row", "of_both"),
    [(3, 0.0, 1.0, 1.0), (3, 0.1, 1.0, 1.0), (3, 0.3, 0.5, 0.5), (5, 0.05, 0.2, 2.0), (5, 0.3, 0.5, 0.5)],
)
def test_the_interval_covers_the_truth(n_seeds: int, of_seed: float, of_row: float, of_both: float) -> None:
    n_rows, n_times, truth, covered = 100, 400, 0.25, 0
    rng = np.random.default_rng(n_seeds)
    zero = np.zeros((n_rows, 1))
    for _ in range(n_times):
        rows = of_row * rng.normal(size=(n_rows, 1))
        scores = [
            truth + of_seed * rng.normal() + rows + of_both * rng.normal(size=(n_rows, 1))
            for _ in range(n_seeds)
        ]
        found = paired_bootstrap(MEAN, scores, [zero] * n_seeds, zero, mask=all_of(n_rows), n_resamples=60)
        covered += found.low <= truth <= found.high
    # Two and a half standard errors of 400 trials are 2.7 points; too wide is the lesser evil.
    assert 0.923 <= covered / n_times <= 0.985


def test_one_labelled_row_never_tells() -> None:
    mask = all_of(20)
    mask[1:] = False
    y, far = np.zeros((20, 1)), np.ones((20, 1))
    found = paired_bootstrap(RMSE, [y] * 3, [far] * 3, y, mask=mask)
    assert found.value == 1
    assert math.isnan(found.low)
    assert math.isnan(found.p_value)


@pytest.mark.parametrize("n_rows", [2, 4, 10])
def test_rows_that_all_say_the_same_have_the_p_value_of_their_signs(n_rows: int) -> None:
    y = np.zeros((n_rows, 1))
    found = paired_bootstrap(RMSE, [y] * 2, [y + 1] * 2, y, mask=all_of(n_rows))
    assert found.p_value == pytest.approx(2.0 ** (1 - n_rows))
    assert (found.low > 0) == (found.p_value < 0.05)


def test_independent_seeds_have_the_interval_of_welch() -> None:
    rng = np.random.default_rng(2)
    n_rows, n_seeds = 50, 4
    # No spread over rows: each network is off by a constant of its own.
    a = [np.full((n_rows, 1), value) for value in 1 + 0.3 * rng.normal(size=n_seeds)]
    b = [np.full((n_rows, 1), value) for value in 0.1 * rng.normal(size=n_seeds)]
    y = np.zeros((n_rows, 1))
    found = paired_bootstrap(MEAN, a, b, y, mask=all_of(n_rows), paired_seeds=False)
    welch = ttest_ind([one[0, 0] for one in a], [one[0, 0] for one in b], equal_var=False)
    assert found.p_value == pytest.approx(welch.pvalue, rel=1e-6)
    paired = paired_bootstrap(MEAN, a, b, y, mask=all_of(n_rows))
    expected = ttest_rel([one[0, 0] for one in a], [one[0, 0] for one in b])
    assert paired.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_independent_seeds_spread_also_where_their_differences_are_alike() -> None:
    rng = np.random.default_rng(3)
    # Fractions of two, so that the differences are alike to the last digit.
    y, rows = np.zeros((64, 1)), rng.integers(-4, 5, size=(64, 1)) / 32
    offsets = [0.0, 0.5, 1.0]
    a, b = [rows + 0.25 + offset for offset in offsets], [y + offset for offset in offsets]
    found = paired_bootstrap(MEAN, a, b, y, mask=all_of(64), paired_seeds=False)
    welch = ttest_ind([one.mean() for one in a], [one.mean() for one in b], equal_var=False)
    assert found.p_value == pytest.approx(welch.pvalue, rel=0.05)
    assert paired_bootstrap(MEAN, a, b, y, mask=all_of(64)).p_value < 1e-6


def test_whole_groups_are_resampled() -> None:
    rng = np.random.default_rng(0)
    n_groups, size = 40, 10
    who = np.repeat(np.arange(n_groups), size)
    of_group = rng.normal(size=n_groups)[who][:, None]
    zero = np.zeros_like(of_group)
    # Rows of a group are one and the same: the interval is that of 40 values, not of 400.
    found = paired_bootstrap(MEAN, [of_group], [zero], zero, mask=all_of(400), groups=who, n_resamples=2000)
    by_hand = of_group[::size, 0]
    expected = t.ppf(0.975, n_groups - 1) * by_hand.std(ddof=1) / np.sqrt(n_groups)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.06)
    assert found.unit == "groups"
    assert (found.n_rows, found.chance.n_units) == (400, 40)
    # A group for each row is the plain bootstrap.
    plain = paired_bootstrap(MEAN, [of_group], [zero], zero, mask=all_of(400))
    own = paired_bootstrap(MEAN, [of_group], [zero], zero, mask=all_of(400), groups=np.arange(400))
    assert (plain.low, plain.high) == (own.low, own.high)
    assert plain.high - plain.low < (found.high - found.low) / 2


def false_words(n_times: int, tied: str, of: str) -> float:
    """Return the share of null problems with p < .05: rows tied by groups of 30 at ICC .3, or by time."""
    rng, count = np.random.default_rng(5), 0
    n_rows = 300
    zero, who = np.zeros((n_rows, 1)), np.repeat(np.arange(10), 30)
    for number in range(n_times):
        noise = rng.normal(size=n_rows)
        if tied == "groups":
            noise = np.sqrt(0.3) * rng.normal(size=10)[who] + np.sqrt(0.7) * noise
        else:
            for i in range(1, n_rows):
                noise[i] += 0.6 * noise[i - 1]
        together = {"groups": {"groups": who}, "times": {"times": np.arange(n_rows)}, "rows": {}}[of]
        found = paired_bootstrap(
            MEAN, [noise[:, None]], [zero], zero, mask=all_of(n_rows), n_resamples=60, seed=number, **together
        )
        count += found.p_value < 0.05
    return count / n_times


def test_rows_that_belong_together_give_no_more_false_words_than_others() -> None:
    # Two and a half standard errors of a share of .05 in 300 are .031.
    assert false_words(300, "groups", of="groups") <= 0.081
    assert false_words(300, "times", of="times") <= 0.081
    # Resampled row by row they do: that is why.
    assert false_words(100, "groups", of="rows") > 0.3
    assert false_words(100, "times", of="rows") > 0.2
