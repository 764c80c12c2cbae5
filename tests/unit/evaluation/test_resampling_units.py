import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.evaluation._resampling_units import draw_rows, resampling_units


def test_rows_are_their_own_units_and_equal_groups_one():
    labelled = np.array([1, 3, 4, 7])
    assert resampling_units(labelled).tolist() == [0, 1, 2, 3]
    names = np.array(["?", "u", "?", "v", "u", "?", "?", "w"], dtype=object)
    assert resampling_units(labelled, groups=names).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize("n", [1, 2, 10, 37, 100, 1000])
def test_a_series_is_cut_into_blocks_of_about_root_n_rows_in_order(n):
    rng = np.random.default_rng(n)
    times = rng.permutation(n)
    blocks = resampling_units(np.arange(n), times=times)
    in_order = blocks[np.argsort(times)]
    assert (np.diff(in_order) >= 0).all()
    sizes = np.bincount(blocks)
    length = int(np.ceil(np.sqrt(n)))
    assert (sizes[:-1] == length).all()
    assert sizes[-1] <= length


def test_one_time_is_never_cut():
    times = np.repeat([3, 1, 2], [50, 30, 40])
    blocks = resampling_units(np.arange(120), times=times)
    for time in (1, 2, 3):
        assert len(set(blocks[times == time])) == 1
    dates = np.array(["2020-01-01", "2021-01-01"] * 8, dtype="datetime64[D]")
    assert len(set(resampling_units(np.arange(16), times=dates).tolist())) == 2


def test_whole_units_are_drawn_as_often_as_chance_has_it():
    labelled, units = np.arange(10, 20), np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    rng = np.random.default_rng(0)
    drawn = np.zeros(10)
    for _ in range(2000):
        counts = np.bincount(draw_rows(labelled, units, rng) - 10, minlength=10)
        for unit in range(4):
            assert len(set(counts[units == unit])) == 1
        drawn += counts
    # Each unit comes once on average; the standard error of 2000 draws is .02.
    np.testing.assert_allclose(drawn / 2000, 1, atol=0.08)


def test_both_at_once_missing_and_mixed_values_are_refused():
    rows = np.arange(3)
    with pytest.raises(InvalidArgumentError, match="groups and times"):
        resampling_units(rows, groups=rows, times=rows)
    with pytest.raises(InvalidArgumentError, match="groups with None"):
        resampling_units(rows, groups=np.array(["a", None, "b"], dtype=object))
    with pytest.raises(InvalidArgumentError, match="times that cannot be sorted"):
        resampling_units(rows, times=np.array(["a", 1, "b"], dtype=object))
