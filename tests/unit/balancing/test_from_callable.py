"""Functions as balancers."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Every, Needs, Smoothed, from_callable


def test_any_function_plugs_in_and_into_the_wrappers():
    rule = from_callable(lambda gramian: 1 / np.diagonal(gramian))
    assert rule.needs is Needs.GRAMIAN
    for balancer in (rule, Smoothed(rule), Every(rule)):
        weights = balancer.weights(np.ones(2), np.diag([4.0, 1.0]))
        np.testing.assert_allclose(weights[1] / weights[0], 4)


def test_absent_tasks_and_preferences_are_taken_care_of():
    rule = from_callable(lambda gramian: np.ones(len(gramian)), preference=[1, 2, 3])
    weights = rule.weights(np.array([1.0, np.nan, 1.0]), np.eye(3))
    np.testing.assert_allclose(weights, [0.5, 0.0, 1.5])


def test_a_wrong_shape_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"expected \(2,\)"):
        from_callable(lambda gramian: gramian).weights(np.ones(2), np.eye(2))
