"""COSMOS."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import COSMOS, Equal


def objective(losses, alpha, penalty):
    """The objective of the paper."""
    cosine = alpha @ losses / np.linalg.norm(alpha) / np.linalg.norm(losses)
    return alpha @ losses - penalty * cosine


@pytest.mark.parametrize("penalty", [0.0, 1.0, 8.0])
def test_weights_are_the_gradient_of_the_objective(penalty):
    generator = np.random.default_rng(0)
    for n_tasks in (2, 3, 7):
        losses, alpha = generator.uniform(0.5, 2, n_tasks), generator.uniform(0.5, 2, n_tasks)
        alpha /= alpha.mean()
        weights = COSMOS(penalty, preference=alpha.tolist()).weights(losses)
        for task in range(n_tasks):
            step = np.eye(n_tasks)[task] * 1e-6
            rise = objective(losses + step, alpha, penalty) - objective(losses - step, alpha, penalty)
            assert weights[task] == pytest.approx(rise / 2e-6, rel=1e-6, abs=1e-8)


def test_descent_by_the_weights_brings_the_losses_to_the_ray():
    x, alpha = np.array([3.0, 1.0]), np.array([1.0, 1.0])
    balancer = COSMOS(penalty=500.0)
    for _ in range(5000):
        losses = np.array([x[0] ** 2, (x[1]) ** 2 + 1.0])
        x = x - 1e-4 * balancer.weights(losses) * 2 * x
    losses = np.array([x[0] ** 2, x[1] ** 2 + 1.0])
    assert alpha @ losses / np.linalg.norm(alpha) / np.linalg.norm(losses) > 0.9999


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_sizes_beyond_the_square_of_float32_are_no_trap(scale):
    losses = np.array([1.0, 2.0, 3.0], dtype=np.float32) * np.float32(scale)
    weights = COSMOS().weights(losses)
    expected = COSMOS().weights(losses.astype(np.float64))
    np.testing.assert_allclose(weights, expected, rtol=1e-4)


def test_zero_losses_have_no_angle():
    np.testing.assert_array_equal(COSMOS().weights(np.zeros(3)), Equal().weights(np.zeros(3)))


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="penalty"):
        COSMOS(penalty=-1.0)
