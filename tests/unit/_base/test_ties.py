from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import ROUNDING, at_least, beyond, first_largest, tie_groups


def literal_groups(values: np.ndarray) -> list[int]:
    """Groups of values of which any two are alike but for rounding, or clearly apart: by comparing all."""
    ordered = sorted(values)
    group = {ordered[0]: 0}
    for low, high in pairwise(ordered):
        alike = high - low <= ROUNDING * min(abs(low), abs(high))
        group[high] = group[low] + (0 if alike else 1)
    return [group[value] for value in values]


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(-4, 4)), min_size=1, max_size=30))
def test_values_apart_by_rounding_alone_share_a_group_and_others_keep_their_order(drawn):
    exact = np.array([level / 40 for level, _ in drawn], dtype=np.float32)
    moved = exact.copy()
    for i, (_, ulps) in enumerate(drawn):
        moved[i] += ulps * np.spacing(exact[i]) if exact[i] else 0
    assert tie_groups(moved).tolist() == tie_groups(exact).tolist() == literal_groups(moved.astype(float))
    assert tie_groups(exact).tolist() == np.unique(exact, return_inverse=True)[1].tolist()


def test_no_group_reaches_further_than_rounding_however_densely_values_lie():
    values = np.linspace(0.1, 0.1001, 20_000)
    groups = tie_groups(values)
    assert (np.diff(groups) >= 0).all()
    for number in np.unique(groups):
        of = values[groups == number]
        assert of.max() - of.min() <= 1.001 * ROUNDING * of.max()
    assert len(np.unique(groups)) >= 1e-4 / 0.1001 / ROUNDING / 2


def test_groups_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    dense = 1 + np.arange(60) * 2.0**-21
    for values in (dense, rng.integers(0, 4, 60) / 3 + 1e-8 * rng.normal(size=60), np.repeat(0.25, 60)):
        order = rng.permutation(60)
        np.testing.assert_array_equal(tie_groups(values[order]), tie_groups(values)[order])


def test_what_is_not_finite_is_kept_apart_and_nothing_is_nothing():
    values = np.array([np.nan, np.inf, -np.inf, 1e300, 0.0, -0.0, np.inf, np.nan])
    assert tie_groups(values).tolist() == [4, 3, 0, 2, 1, 1, 3, 4]
    assert tie_groups(np.array([])).tolist() == []


def test_differences_from_subtraction_are_told_by_their_spread():
    values = np.array([1e-8, -1e-8, 3e-6, 0.0])
    assert tie_groups(values, spread=1e-7).tolist() == [0, 0, 1, 0]
    assert tie_groups(values).tolist() == [2, 0, 3, 1]


def test_a_limit_is_reached_within_rounding_and_passed_beyond_it():
    just = np.nextafter(np.float32(0.9), np.float32(0))
    assert just < 0.9
    assert just >= at_least(0.9)
    assert not at_least(0.9) <= 0.8999
    assert not np.float32(0.5000001) > beyond(0.5)
    assert np.float32(0.50001) > beyond(0.5)


def test_the_first_of_equal_classes_is_the_largest_for_numpy_and_torch():
    rows = np.array([[0.3, 0.35, 0.35], [0.5, 0.25, 0.25]])
    rows[0, 2] += 1e-8
    assert first_largest(rows).tolist() == first_largest(torch.from_numpy(rows)).tolist() == [1, 0]
    assert first_largest(np.zeros((0, 3))).shape == (0,)
