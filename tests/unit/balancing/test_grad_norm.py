"""GradNorm."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradNorm


def test_lengths_come_to_the_proportions_of_the_paper():
    balancer, generator = GradNorm(alpha=0.7, learning_rate=0.01), np.random.default_rng(0)
    first, norms = generator.uniform(0.5, 2, 3), np.array([0.1, 3.0, 50.0])
    balancer.weights(first, norms**2)
    losses = first * np.array([0.9, 0.5, 0.7])
    rate = (losses / first) / (losses / first).mean()
    spreads = []
    for _ in range(2500):
        lengths = balancer.weights(losses, norms**2) * norms
        proportions = lengths / rate**0.7
        spreads.append(proportions.max() / proportions.min() - 1)
    assert spreads[-1] < 0.01 < spreads[0]
    assert balancer.weights(losses, norms**2).mean() == pytest.approx(1)


def test_a_task_that_lags_gets_a_longer_gradient():
    balancer = GradNorm(alpha=1.0, learning_rate=0.005)
    balancer.weights(np.array([1.0, 1.0]), np.ones(2))
    for _ in range(1000):
        weights = balancer.weights(np.array([0.5, 1.0]), np.ones(2))
    assert weights[1] / weights[0] == pytest.approx(2, rel=0.05)


def test_losses_without_a_ratio_are_harmless():
    balancer = GradNorm()
    for _ in range(5):
        weights = balancer.weights(np.array([0.0, -1.0, 2.0]), np.ones(3))
    assert np.isfinite(weights).all()
    with pytest.raises(InvalidArgumentError, match="alpha"):
        GradNorm(alpha=-1.0)
