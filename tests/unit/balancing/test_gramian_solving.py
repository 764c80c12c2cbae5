"""What the rules that are solved on the host share."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing._gramian_solving import (
    all_finite,
    checked_gramian,
    finite_submatrix,
    preference_of,
    solved_weights,
)


def test_values_whose_squares_overflow_do_not_count_as_finite():
    assert all_finite(np.array([1.0, -1e150]))
    for bad in (np.nan, np.inf, 1e200):
        assert not all_finite(np.array([1.0, bad]))


def test_one_bad_pair_costs_one_task():
    gramian = np.eye(3)
    gramian[0, 1] = gramian[1, 0] = np.nan
    kept = finite_submatrix(gramian, np.ones(3), None)
    assert len(kept) == 2
    assert 2 in kept


def test_a_task_that_is_absent_or_not_finite_is_left_out():
    losses = np.array([1.0, np.nan, 1.0, 1.0])
    assert finite_submatrix(np.eye(4), losses, None).tolist() == [0, 2, 3]
    assert finite_submatrix(np.eye(4), losses, np.array([1, 1, 0, 1])).tolist() == [0, 3]
    gramian = np.diag([1.0, 1.0, np.inf, 1.0])
    assert finite_submatrix(gramian, np.ones(4), None).tolist() == [0, 1, 3]


def test_a_zero_gradient_gets_the_mean_weight_and_does_not_turn_the_others():
    def solve(places, scale):
        assert places.tolist() == [0, 2]
        assert scale == 5.0
        return np.array([1.0, 3.0])

    weights = solved_weights(np.array([4.0, 0.0, 6.0]), np.array([1.0, 2.0, 1.0]), 0.0, solve)
    assert weights.tolist() == [1.0, 4.0, 3.0]


def test_with_no_gradient_at_all_the_preference_is_what_there_is():
    def unsolvable(places, scale):
        raise AssertionError

    assert solved_weights(np.zeros(2), np.array([1.0, 3.0]), -1.0, unsolvable).tolist() == [0.5, 1.5]


def test_weights_are_scaled_by_their_degree():
    weights = solved_weights(np.array([4.0, 4.0]), np.ones(2), -0.5, lambda places, scale: np.ones(2))
    assert weights.tolist() == [0.5, 0.5]


def test_the_preference_of_those_present_has_mean_one():
    assert preference_of([1.0, 2.0, 3.0], 3, np.array([0, 2])).tolist() == [0.5, 1.5]
    assert preference_of(None, 3, np.array([1])).tolist() == [1.0]


def test_a_gramian_that_is_missing_or_of_another_shape_is_refused():
    with pytest.raises(InvalidArgumentError, match="MGDA needs the Gramian"):
        checked_gramian("MGDA", None, 2)
    with pytest.raises(InvalidArgumentError, match=r"shape \(3, 3\) for 2 losses"):
        checked_gramian("MGDA", np.eye(3), 2)
    assert checked_gramian("MGDA", [[1, 0], [0, 1]], 2).dtype == np.float64
