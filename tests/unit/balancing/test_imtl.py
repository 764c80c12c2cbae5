"""IMTL: both halves."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import IMTL, IMTLGradient, IMTLLoss


def test_scales_become_inverse_losses():
    balancer, losses = IMTL(learning_rate=0.5), np.array([0.01, 1.0, 1e4])
    for _ in range(300):
        balancer.weights(losses, np.eye(3))
    scales = np.exp([balancer.state["log_scales"][task] for task in "012"])
    np.testing.assert_allclose(scales, 1 / losses, rtol=1e-3)


def test_the_direction_is_that_of_the_gradient_half():
    rows = np.random.default_rng(0).normal(size=(4, 9))
    balancer, losses = IMTL(), np.array([0.1, 1.0, 10.0, 100.0])
    for _ in range(20):
        weights = balancer.weights(losses, rows @ rows.T)
    plain = IMTLGradient().weights(losses, rows @ rows.T)
    update, expected = weights @ rows, plain @ rows
    cosine = update @ expected / np.linalg.norm(update) / np.linalg.norm(expected)
    assert cosine == pytest.approx(1, abs=1e-12)


def test_scaled_gradients_get_weights_that_sum_to_one():
    rows = np.random.default_rng(1).normal(size=(3, 9))
    balancer = IMTL()
    for _ in range(5):
        scales = np.exp([balancer.state["log_scales"].get(task, 0.0) for task in "012"])
        weights = balancer.weights(np.array([0.1, 1.0, 3.0]), rows @ rows.T)
    assert (weights / scales).sum() == pytest.approx(1)


def test_losses_without_a_logarithm_leave_the_scale():
    balancer = IMTL()
    balancer.weights(np.array([-1.0, 0.0]), np.eye(2))
    assert balancer.state["log_scales"] == {"0": 0.0, "1": 0.0}


def test_steps_up_are_those_of_the_loss_half():
    both, half = IMTL(learning_rate=0.1), IMTLLoss(learning_rate=0.1)
    for _ in range(10):
        both.weights(np.array([0.5]), np.eye(1))
        half.weights(np.array([0.5]))
    assert both.state["log_scales"]["0"] == pytest.approx(float(half.state["log_scale"][0]))


def test_a_learning_rate_must_be_positive():
    with pytest.raises(InvalidArgumentError, match="learning_rate"):
        IMTL(learning_rate=0.0)
