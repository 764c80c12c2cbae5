"""Random weights."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.balancing import RandomWeighting


def test_the_normal_draw_is_a_softmax_of_the_named_stream():
    balancer = RandomWeighting(seed=3)
    for step in range(3):
        draw = np.exp(numpy_generator(3, "random weighting", step).standard_normal(4))
        np.testing.assert_allclose(balancer.weights(np.ones(4)), 4 * draw / draw.sum())


@pytest.mark.parametrize("distribution", ["normal", "dirichlet"])
def test_the_mean_is_equal_weights(distribution):
    balancer = RandomWeighting(distribution)
    draws = np.stack([balancer.weights(np.ones(3)) for _ in range(4000)])
    np.testing.assert_allclose(draws.sum(axis=1), 3)
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.05)
    if distribution == "dirichlet":  # uniform on the simplex: variance of a Dirichlet(1, 1, 1), times 9
        np.testing.assert_allclose(draws.var(axis=0), 9 * 2 / 36, atol=0.05)


def test_the_absent_share_goes_to_the_others():
    weights = RandomWeighting("dirichlet").weights(np.array([1.0, np.nan, 1.0]))
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(2)


def test_a_restarted_run_draws_the_same():
    first, second = RandomWeighting(), RandomWeighting()
    first.weights(np.ones(2))
    other = RandomWeighting()
    other.weights(np.ones(2))
    second.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(first.weights(np.ones(2)), second.weights(np.ones(2)))


def test_unknown_distributions_are_refused():
    with pytest.raises(InvalidArgumentError, match="expected one of 'normal', 'dirichlet'"):
        RandomWeighting("cauchy")
