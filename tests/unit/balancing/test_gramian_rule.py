"""The base of Gramian methods: which tasks take part, and in which unit."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GramianRule, from_callable
from cotrain.balancing._gramian_rule import (
    all_finite,
    checked_gramian,
    finite_submatrix,
    preference_of,
    solved_weights,
    to_float64,
)


def inverse(gramian):
    return 1 / np.diagonal(gramian)


def test_the_rule_sees_a_gramian_of_mean_diagonal_one():
    seen = []
    rule = from_callable(lambda gramian: seen.append(gramian) or np.ones(len(gramian)))
    rule.weights(np.ones(3), np.diag([1e-300, 2e-300, 3e-300]))
    np.testing.assert_allclose(np.diagonal(seen[0]), [0.5, 1.0, 1.5])


def test_a_zero_gradient_gets_the_mean_weight_and_the_rule_never_sees_it():
    weights = from_callable(inverse).weights(np.ones(3), np.diag([0.0, 1.0, 4.0]))
    np.testing.assert_allclose(weights[0], weights[1:].mean())
    np.testing.assert_allclose(weights[1] / weights[2], 4)


def test_one_bad_pair_costs_one_task():
    gramian = np.eye(4)
    gramian[1, 2] = np.nan
    np.testing.assert_array_equal(finite_submatrix(gramian, np.ones(4), None), [0, 2, 3])
    assert from_callable(inverse).weights(np.ones(4), gramian)[1] == 0


def test_weights_scale_back_by_their_degree():
    squared = np.array([4.0, 4.0])
    weights = solved_weights(squared, np.ones(2), -0.5, lambda places, scale: np.ones(places.size))
    np.testing.assert_allclose(weights, 0.5)


def test_no_active_task_gives_zeros():
    np.testing.assert_array_equal(from_callable(inverse).weights(np.full(2, np.nan), np.eye(2)), [0, 0])


def test_an_unsymmetric_rounding_is_evened_out():
    seen = []
    rule = from_callable(lambda gramian: seen.append(gramian) or np.ones(2))
    rule.weights(np.ones(2), np.array([[1.0, 0.5], [0.25, 1.0]]))
    np.testing.assert_array_equal(seen[0], seen[0].T)


def test_the_base_is_abstract():
    with pytest.raises(TypeError):
        GramianRule()  # ty: ignore[abstract-class]


# -- what all rules that are solved on the host share --


def test_values_whose_squares_overflow_do_not_count_as_finite():
    assert all_finite(np.array([1.0, -1e150]))
    for bad in (np.nan, np.inf, 1e200):
        assert not all_finite(np.array([1.0, bad]))


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


def test_any_array_comes_to_the_host_in_float64_and_off_its_graph():
    tensor = torch.tensor([1.5, 2.5], dtype=torch.bfloat16, requires_grad=True)
    assert to_float64(tensor).dtype == np.float64
    assert to_float64(tensor).tolist() == to_float64([1.5, 2.5]).tolist()
