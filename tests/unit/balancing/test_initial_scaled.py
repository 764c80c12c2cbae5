"""Losses over their first value."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import InitialScaled


def test_the_first_values_count_and_later_ones_do_not():
    balancer = InitialScaled()
    for losses in ([0.5, 20.0], [0.1, 90.0], [3.0, 1.0]):
        np.testing.assert_allclose(balancer.weights(np.array(losses)), [2, 0.05])


def test_the_mean_of_the_first_labelled_batches():
    balancer, nan = InitialScaled(steps=2), np.nan
    for losses in ([1.0, nan], [3.0, nan], [9.0, 4.0], [9.0, 6.0], [9.0, 9.0]):
        weights = balancer.weights(np.array(losses))
    np.testing.assert_allclose(weights, [1 / 2, 1 / 5])


def test_zero_and_negative_first_losses_give_finite_positive_weights():
    np.testing.assert_allclose(InitialScaled().weights(np.array([0.0, -4.0])), [1, 0.25])
    with pytest.raises(InvalidArgumentError, match="steps"):
        InitialScaled(steps=0)
