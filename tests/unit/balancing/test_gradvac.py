"""GradVac: gradients turned until their cosines reach a target."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.balancing import GradVac
from cotrain.balancing._random_task_orders import random_orders


def literal(jacobian, targets, orders, beta):
    """The algorithm of the paper, on the gradients themselves."""
    turned = jacobian.copy()
    norm = np.linalg.norm
    for i, order in enumerate(orders):
        for j in order:
            cosine = turned[i] @ jacobian[j] / (norm(turned[i]) * norm(jacobian[j]))
            target = targets[i, j]
            if cosine < target:
                factor = target * np.sqrt(1 - cosine**2) - cosine * np.sqrt(1 - target**2)
                factor *= norm(turned[i]) / (norm(jacobian[j]) * np.sqrt(1 - target**2))
                turned[i] = turned[i] + factor * jacobian[j]
            targets[i, j] = (1 - beta) * target + beta * cosine
    return turned.sum(axis=0)


@pytest.mark.parametrize("n_tasks", [2, 5])
def test_is_the_algorithm_of_the_paper(n_tasks):
    generator = np.random.default_rng(1)
    balancer, targets = GradVac(beta=0.3, seed=2), np.zeros((n_tasks, n_tasks))
    for step in range(5):
        jacobian = generator.normal(size=(n_tasks, 12))
        weights = balancer.weights(np.ones(n_tasks), jacobian @ jacobian.T)
        orders = random_orders(n_tasks, lambda step=step: numpy_generator(2, "gradvac", step))
        expected = literal(jacobian, targets, orders, 0.3)
        np.testing.assert_allclose(weights @ jacobian, expected, rtol=1e-9, atol=1e-11)


def test_targets_are_kept_below_one():
    balancer = GradVac(beta=1.0)
    for _ in range(5):
        weights = balancer.weights(np.ones(2), np.ones((2, 2)))
        assert np.isfinite(weights).all()
    assert balancer.state["targets"]["0,1"] == 0.999
    weights = balancer.weights(np.ones(2), np.array([[1.0, -0.5], [-0.5, 1.0]]))
    assert np.abs(weights).max() < 100


def test_beta_out_of_range_is_refused():
    with pytest.raises(InvalidArgumentError, match="beta"):
        GradVac(beta=1.5)


def test_agrees_with_torchjd_where_no_order_is_random():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    ours, theirs = GradVac(), aggregation.GradVacWeighting(eps=0.0)
    for seed in range(10):
        jacobian = np.random.default_rng(seed).normal(size=(2, 4))
        expected = theirs(torch.from_numpy(jacobian @ jacobian.T)).numpy()
        np.testing.assert_allclose(ours.weights(np.ones(2), jacobian @ jacobian.T), expected, atol=1e-6)
