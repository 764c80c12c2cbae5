"""UW-SO: a softmax of inverse losses."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UncertaintySoft


def test_is_the_softmax_of_inverse_losses():
    losses = np.array([0.5, 1.0, 4.0])
    expected = np.exp(1 / losses / 0.7)
    weights = UncertaintySoft(temperature=0.7).weights(losses)
    np.testing.assert_allclose(weights, 3 * expected / expected.sum())


def test_tiny_losses_do_not_overflow():
    weights = UncertaintySoft().weights(np.array([1e-6, 1.0]))
    np.testing.assert_allclose(weights, [2.0, 0.0])
    with pytest.raises(InvalidArgumentError, match="temperature"):
        UncertaintySoft(temperature=0.0)
