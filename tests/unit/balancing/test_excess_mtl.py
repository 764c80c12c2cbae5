"""ExcessMTL."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import ExcessMTL


def test_is_the_procedure_of_the_paper():
    balancer, generator = ExcessMTL(robustness=0.3), np.random.default_rng(0)
    squares, weights, first = 0.0, np.full(3, 1 / 3), None
    for _ in range(8):
        rows = generator.normal(size=(3, 6))
        squares = squares + rows**2
        excess = (rows * rows / np.sqrt(squares)).sum(axis=1)
        first = excess if first is None else first
        weights = weights * np.exp(0.3 * excess / first)
        weights = weights / weights.sum()
        np.testing.assert_allclose(balancer.combine(rows, np.ones(3)), weights @ rows, rtol=1e-9)
        np.testing.assert_allclose(balancer.state["weights"], weights, rtol=1e-9)


def test_large_excesses_do_not_overflow():
    balancer = ExcessMTL(robustness=1.0)
    balancer.combine(np.array([[1e-8, 0.0], [0.0, 1.0]]), np.ones(2))
    for _ in range(5):
        update = balancer.combine(np.array([[1e8, 0.0], [0.0, 1.0]]), np.ones(2))
        assert np.isfinite(update).all()


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="robustness"):
        ExcessMTL(robustness=-1.0)
