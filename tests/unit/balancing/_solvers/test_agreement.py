import numpy as np
import pytest

from cotrain.balancing._solvers import equal_cosine_weights


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_the_direction_has_the_cosines_that_were_asked_for(size, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, size + 2)) * 10.0 ** rng.uniform(-2, 2, size=(size, 1))
    wanted = rng.uniform(0.5, 1.5, size)
    weights = equal_cosine_weights(rows @ rows.T, wanted)
    np.testing.assert_allclose(rows @ (rows.T @ weights) / np.linalg.norm(rows, axis=1), wanted, rtol=1e-8)


def test_of_dependent_gradients_no_order_matters():
    rows = np.random.default_rng(0).normal(size=(1, 4)) * np.array([[1.0], [2.0], [3.0]])
    order = [2, 0, 1]
    weights = equal_cosine_weights(rows @ rows.T, np.ones(3))
    turned = equal_cosine_weights((rows @ rows.T)[np.ix_(order, order)], np.ones(3))
    np.testing.assert_allclose(turned, weights[order], rtol=1e-8)
    np.testing.assert_allclose(weights * [1.0, 2.0, 3.0], np.full(3, (weights[0])), rtol=1e-8)
