"""GradNorm."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradNorm


def test_steps_are_those_of_automatic_differentiation():
    balancer, generator = GradNorm(alpha=0.7, learning_rate=0.02), np.random.default_rng(0)
    weights, first = torch.ones(3, dtype=torch.float64), None
    for _ in range(20):
        losses, squared = generator.uniform(0.5, 2, 3), generator.uniform(0.1, 9, 3)
        first = losses if first is None else first
        norms = torch.from_numpy(np.sqrt(squared / squared.mean()))
        rate = torch.from_numpy(losses / first / (losses / first).mean())
        weights.requires_grad_(True)
        lengths = weights * norms
        distance = (lengths - (lengths.mean() * rate**0.7).detach()).abs().sum()
        (slope,) = torch.autograd.grad(distance, weights)
        weights = (weights - 0.02 * slope).detach().clamp(min=0.01)
        weights = weights / weights.mean()
        np.testing.assert_allclose(balancer.weights(losses, squared), weights.numpy(), rtol=1e-9)


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
