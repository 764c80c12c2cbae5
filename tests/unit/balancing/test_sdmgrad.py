"""SDMGrad."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MGDA, SDMGrad


def gramian(seed, n_tasks):
    rows = np.random.default_rng(seed).normal(size=(n_tasks, 2 * n_tasks))
    return rows @ rows.T


def test_without_noise_and_pull_it_is_the_shortest_combination():
    balancer = SDMGrad(strength=0.0, steps=5000)
    expected = MGDA().weights(np.ones(4), gramian(0, 4))
    np.testing.assert_allclose(balancer.weights(np.ones(4), gramian(0, 4)), expected, atol=1e-6)


def test_optimality_conditions_with_a_pull():
    gramian_KK, strength = gramian(1, 4), 0.6
    weights = SDMGrad(strength, steps=5000).weights(np.ones(4), gramian_KK)
    share = (1 + strength) * weights - strength / 4
    slope = gramian_KK @ (share + strength / 4)
    assert share.sum() == pytest.approx(1)
    assert share.min() > -1e-12
    np.testing.assert_allclose(slope[share > 1e-6], slope.min(), rtol=1e-5)


def test_a_strong_pull_is_the_mean_of_the_preference():
    weights = SDMGrad(1e9, preference=[1, 3]).weights(np.ones(2), gramian(0, 2))
    np.testing.assert_allclose(weights, [0.25, 0.75], atol=1e-6)
    with pytest.raises(InvalidArgumentError, match="strength"):
        SDMGrad(strength=-1.0)
