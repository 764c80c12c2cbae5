"""MoDo."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MoDo


def on_simplex(point):
    """Projection by bisection on the threshold."""
    low, high = point.min() - 1, point.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(point - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(point - low, 0)


def test_is_the_procedure_of_the_paper():
    balancer, generator, weights = MoDo(gamma=0.2, rho=0.1), np.random.default_rng(0), np.full(3, 1 / 3)
    for _ in range(10):
        first, second = generator.normal(size=(2, 3, 6)) + 0.5
        cross = first @ second.T
        unit = cross / np.linalg.norm(cross) * np.sqrt(3)
        weights = on_simplex(weights - 0.2 * (unit + 0.1 * np.eye(3)) @ weights)
        np.testing.assert_allclose(balancer.weights(np.ones(3), cross), weights, atol=1e-12)


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="gamma"):
        MoDo(gamma=0.0)
