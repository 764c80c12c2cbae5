"""MoCo."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MoCo
from cotrain.balancing._solvers import project_onto_simplex


def test_is_the_procedure_of_the_paper():
    balancer, generator = MoCo(beta=0.5, gamma=0.3, rho=0.2), np.random.default_rng(0)
    means, weights = np.zeros((3, 6)), np.full(3, 1 / 3)
    for step in range(1, 12):
        rows = generator.normal(size=(3, 6)) * np.array([[1], [3], [0.2]])
        means = means + 0.5 / step**0.5 * (rows - means)
        gramian = means @ means.T
        slope = gramian @ weights / np.diagonal(gramian).mean() + 0.2 * weights
        weights = project_onto_simplex(weights - 0.3 / step**0.5 * slope)
        np.testing.assert_allclose(balancer.combine(rows, np.ones(3)), weights @ means, rtol=1e-9)


def test_in_the_limit_it_finds_the_shortest_combination():
    rows, balancer = np.array([[2.0, 0.0], [0.0, 1.0]]), MoCo(gamma=0.5)
    for _ in range(2000):
        update = balancer.combine(rows, np.ones(2))
    np.testing.assert_allclose(update, np.array([0.2, 0.8]) @ rows, atol=1e-3)


def test_bad_arguments_are_refused():
    for arguments in ({"beta": 0.0}, {"gamma": 0.0}, {"rho": -1.0}):
        with pytest.raises(InvalidArgumentError):
            MoCo(**arguments)
