"""PCGrad: conflicts projected away."""

import numpy as np
import pytest

from cotrain._base import numpy_generator
from cotrain.balancing import PCGrad
from cotrain.balancing._random_task_orders import random_orders


def literal(jacobian, orders):
    """The algorithm of the paper, on the gradients themselves."""
    projected = jacobian.copy()
    for i, order in enumerate(orders):
        for j in order:
            overlap = projected[i] @ jacobian[j]
            if overlap < 0:
                projected[i] = projected[i] - overlap / (jacobian[j] @ jacobian[j]) * jacobian[j]
    return projected.sum(axis=0)


@pytest.mark.parametrize("n_tasks", [2, 3, 8, 20])
def test_is_the_algorithm_of_the_paper(n_tasks):
    jacobian = np.random.default_rng(n_tasks).normal(size=(n_tasks, 30))
    balancer = PCGrad(seed=4)
    for step in range(3):
        weights = balancer.weights(np.ones(n_tasks), jacobian @ jacobian.T)
        orders = random_orders(n_tasks, lambda step=step: numpy_generator(4, "pcgrad", step))
        np.testing.assert_allclose(weights @ jacobian, literal(jacobian, orders), rtol=1e-11, atol=1e-12)


def test_orders_are_fresh_random_and_of_the_others_only():
    orders = [random_orders(6, lambda step=step: numpy_generator(0, step)) for step in range(400)]
    for order in orders:
        for task, row in enumerate(order):
            assert sorted(row) == [other for other in range(6) if other != task]
    first = np.array([order[0, 0] for order in orders])
    assert np.bincount(first, minlength=6)[1:].min() > 50  # expected 80 each
    assert not np.array_equal(orders[0], orders[1])


def test_without_conflict_it_is_the_sum():
    gramian = np.ones((3, 3)) + np.eye(3)
    np.testing.assert_array_equal(PCGrad().weights(np.ones(3), gramian), np.ones(3))


def test_a_preference_scales_the_gradients_that_are_projected():
    jacobian = np.random.default_rng(0).normal(size=(2, 5))
    preference = np.array([0.5, 1.5])
    scaled = preference[:, None] * jacobian
    weights = PCGrad(preference=preference).weights(np.ones(2), jacobian @ jacobian.T)
    np.testing.assert_allclose(weights @ jacobian, literal(scaled, [[1], [0]]), rtol=1e-12)


def test_agrees_with_torchjd_where_no_order_is_random():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(20):
        jacobian = np.random.default_rng(seed).normal(size=(2, 4))
        theirs = aggregation.PCGradWeighting()(torch.from_numpy(jacobian @ jacobian.T)).numpy()
        np.testing.assert_allclose(PCGrad().weights(np.ones(2), jacobian @ jacobian.T), theirs, atol=1e-6)
