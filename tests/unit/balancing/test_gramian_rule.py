"""The base of Gramian methods: which tasks take part, and in which unit."""

import numpy as np
import pytest

from cotrain.balancing import GramianRule, from_callable
from cotrain.balancing._gramian_solving import finite_submatrix, solved_weights


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
