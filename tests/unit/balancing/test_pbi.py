"""Penalty-based boundary intersection."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import PBI


def objective(losses, ray, theta):
    """The objective of the paper, with the ideal point 0."""
    along = abs(losses @ ray) / np.linalg.norm(ray)
    return along + theta * np.linalg.norm(losses - along * ray / np.linalg.norm(ray))


@pytest.mark.parametrize("theta", [0.0, 0.5, 5.0])
def test_weights_are_the_gradient_of_the_objective_times_the_root_of_k(theta):
    generator = np.random.default_rng(0)
    for n_tasks in (2, 3, 7):
        losses, preference = generator.uniform(0.5, 2, n_tasks), generator.uniform(0.5, 2, n_tasks)
        weights = PBI(theta, preference=preference.tolist()).weights(losses)
        for task in range(n_tasks):
            step = np.eye(n_tasks)[task] * 1e-6
            rise = objective(losses + step, 1 / preference, theta)
            rise -= objective(losses - step, 1 / preference, theta)
            assert weights[task] == pytest.approx(np.sqrt(n_tasks) * rise / 2e-6, rel=1e-5, abs=1e-7)


def test_descent_ends_where_the_products_of_preference_and_loss_are_equal():
    x, preference = np.array([0.9, 0.1]), np.array([3.0, 1.0])
    balancer = PBI(preference=preference.tolist())
    for step in range(4000):
        losses = np.array([1 - np.exp(-((x - 1) ** 2).sum()), 1 - np.exp(-((x + 1) ** 2).sum())])
        slopes = np.stack([2 * (x - 1), 2 * (x + 1)]) * (1 - losses)[:, None]
        x = x - 0.02 / (1 + step / 50) * balancer.weights(losses) @ slopes
    assert preference[0] * losses[0] == pytest.approx(preference[1] * losses[1], rel=0.02)


def test_on_the_ray_nothing_is_pushed_away_by_rounding():
    losses = np.full(7, 0.1) * 3
    np.testing.assert_allclose(PBI().weights(losses), 1.0)
    np.testing.assert_allclose(PBI().weights(losses.astype(np.float32)), 1.0, rtol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="theta"):
        PBI(theta=-1.0)
