"""GradNorm."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradNorm


def literal(losses, norms, alpha, learning_rate):
    """The algorithm of the paper, step by step, with Adam written out; yields the weights after each step."""
    n_tasks = losses.shape[1]
    weights, first, second = np.ones(n_tasks), np.zeros(n_tasks), np.zeros(n_tasks)
    for step, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=1):
        norm = norm / np.sqrt((norm**2).mean())
        ratio = loss / losses[0]
        target = (weights * norm).mean() * (ratio / ratio.mean()) ** alpha
        gradient = np.sign(weights * norm - target) * norm  # of the sum of |w n - target|, target fixed
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        change = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        weights = np.maximum(weights - learning_rate * change, weights / 2)
        weights = weights * n_tasks / weights.sum()
        yield weights


@pytest.mark.parametrize("alpha", [0.0, 0.12, 1.5])
def test_is_the_algorithm_of_the_paper(alpha):
    generator = np.random.default_rng(3)
    losses, norms = generator.uniform(0.5, 2, (60, 4)), generator.uniform(0.1, 5, (60, 4))
    balancer = GradNorm(alpha=alpha, learning_rate=0.025)
    for loss, norm, expected in zip(losses, norms, literal(losses, norms, alpha, 0.025), strict=True):
        np.testing.assert_allclose(balancer.weights(loss, norm**2), expected, rtol=1e-10)


def test_lengths_come_to_the_proportions_of_the_paper():
    # for other exponents the targets' mean is not that of the lengths, and one task keeps the difference
    balancer, generator = GradNorm(alpha=1.0, learning_rate=0.0005), np.random.default_rng(0)
    first, norms = generator.uniform(0.5, 2, 3), np.array([0.5, 1.0, 3.0])
    balancer.weights(first, norms**2)
    losses = first * np.array([0.9, 0.5, 0.7])
    rate = (losses / first) / (losses / first).mean()
    spreads = []
    for _ in range(2500):
        lengths = balancer.weights(losses, norms**2) * norms
        proportions = lengths / rate
        spreads.append(proportions.max() / proportions.min() - 1)
    assert spreads[-1] < 0.01 < spreads[0]
    assert balancer.weights(losses, norms**2).mean() == pytest.approx(1)


def test_a_task_that_lags_gets_a_longer_gradient():
    balancer = GradNorm(alpha=1.0, learning_rate=0.001)
    balancer.weights(np.array([1.0, 1.0]), np.ones(2))
    for _ in range(1000):
        weights = balancer.weights(np.array([0.5, 1.0]), np.ones(2))
    assert weights[1] / weights[0] == pytest.approx(2, rel=0.05)


def test_a_weight_stays_positive_where_gradients_differ_ten_thousandfold():
    balancer = GradNorm(alpha=0.0)
    for _ in range(200):
        weights = balancer.weights(np.ones(2), np.array([1e-8, 1.0]))
        assert (weights > 0).all()
    assert weights[0] > 20 * weights[1]


def test_losses_without_a_ratio_are_harmless():
    balancer = GradNorm()
    for _ in range(5):
        weights = balancer.weights(np.array([0.0, -1.0, 2.0]), np.ones(3))
    assert np.isfinite(weights).all()
    with pytest.raises(InvalidArgumentError, match="alpha"):
        GradNorm(alpha=-1.0)
