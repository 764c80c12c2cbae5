"""Uncertainty weighting."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Uncertainty


def test_steps_are_those_of_the_gradient():
    balancer, s = Uncertainty(learning_rate=0.1), np.zeros(2)
    losses = np.array([0.5, 2.0])
    for _ in range(20):
        np.testing.assert_allclose(balancer.weights(losses), np.exp(-s))
        s = s - 0.1 * (1 - np.exp(-s) * losses)


@pytest.mark.parametrize("losses", [[1e-6, 1e6], [1e-3, 1e12]])
def test_the_optimum_is_the_inverse_loss_without_overshooting(losses):
    balancer = Uncertainty(learning_rate=0.5)
    for _ in range(400):
        weights = balancer.weights(np.array(losses))
        assert weights[1] * losses[1] >= 1 - 1e-9  # from above only
    np.testing.assert_allclose(weights * losses, 1, rtol=1e-6)


def test_start_and_refusal():
    weights = Uncertainty(initial_log_variance=-0.5).weights(np.ones(2))
    np.testing.assert_allclose(weights, np.exp(0.5))
    with pytest.raises(InvalidArgumentError, match="learning_rate"):
        Uncertainty(learning_rate=2.0)
