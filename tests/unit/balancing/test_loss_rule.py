"""The base of methods on losses, and its shift of negative losses."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import (
    DWA,
    FAMO,
    GeometricMean,
    GO4Align,
    IMTLLoss,
    LogLoss,
    SmoothTchebycheff,
    Uncertainty,
    UncertaintySoft,
)

OF_LOGARITHMS = [
    FAMO,
    DWA,
    GeometricMean,
    GO4Align,
    IMTLLoss,
    LogLoss,
    SmoothTchebycheff,
    Uncertainty,
    UncertaintySoft,
]


@pytest.mark.parametrize("cls", OF_LOGARITHMS)
def test_a_negative_loss_never_gets_a_negative_weight(cls):
    """Traps of FAMO, STCH and GLS elsewhere: a logarithm of a negative loss, and the step climbs."""
    balancer = cls()
    generator = np.random.default_rng(0)
    for step in range(200):
        losses = np.array([1.0, -2.0 - step * 0.1, 0.5 - step * 0.02]) + generator.normal(size=3) * 0.05
        weights = balancer.weights(losses)
        if balancer.observes_update:
            balancer.observe_update(losses - 0.01)
        assert np.isfinite(weights).all()
        assert (weights > 0).all()


def test_descent_goes_on_below_zero():
    point, balancer = np.array([3.0, 3.0]), LogLoss()
    for _ in range(300):
        losses = point**2 - 5
        point = point - 0.05 * balancer.weights(losses) * 2 * point
    assert np.abs(point).max() < 1


def test_positive_losses_are_not_shifted():
    losses = np.array([1e-7, 1e5])
    np.testing.assert_allclose(LogLoss().weights(losses), 1 / losses)


def test_a_loss_of_zero_gets_a_bounded_weight():
    balancer = LogLoss()
    balancer.weights(np.array([2.0, 1.0]))
    np.testing.assert_allclose(balancer.weights(np.array([0.0, 1.0])), [0.5e8, 1.0])


def test_another_number_of_tasks_is_refused():
    balancer = Uncertainty()
    balancer.weights(np.ones(3))
    with pytest.raises(InvalidArgumentError, match="state of 3 tasks and got 2 losses"):
        balancer.weights(np.ones(2))
