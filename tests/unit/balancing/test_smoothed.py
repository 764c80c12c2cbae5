"""Running means of weights."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MGDA, Every, GradDrop, LogLoss, NashMTL, Needs, Smoothed


def test_is_the_running_mean():
    balancer, plain, expected = Smoothed(NashMTL(), beta=0.8), NashMTL(), None
    for seed in range(6):
        rows = np.random.default_rng(seed).normal(size=(3, 9))
        weights = plain.weights(np.ones(3), rows @ rows.T)
        expected = weights if expected is None else 0.8 * expected + 0.2 * weights
        np.testing.assert_allclose(balancer.weights(np.ones(3), rows @ rows.T), expected)


def test_an_absent_task_keeps_its_mean():
    balancer = Smoothed(MGDA(), beta=0.5)
    balancer.weights(np.ones(2), np.diag([4.0, 1.0]))
    weights = balancer.weights(np.array([np.nan, 1.0]), np.eye(2))
    np.testing.assert_allclose(weights, [0.0, 0.9])
    np.testing.assert_allclose(balancer.weights(np.ones(2), np.diag([4.0, 1.0])), [0.2, 0.85])


def test_it_smooths_on_the_device_and_around_other_wrappers():
    assert isinstance(Smoothed(LogLoss()).weights(torch.ones(2)), torch.Tensor)
    balancer = Smoothed(Every(MGDA(), k=2))
    assert balancer.needs is Needs.GRAMIAN
    balancer.weights(np.ones(2), np.eye(2))
    assert balancer.needs is Needs.LOSSES
    balancer.weights(np.ones(2))
    assert balancer.needs is Needs.GRAMIAN


def test_refusals():
    with pytest.raises(InvalidArgumentError, match="beta"):
        Smoothed(MGDA(), beta=1.0)
    with pytest.raises(InvalidArgumentError, match="GradDrop gives updates"):
        Smoothed(GradDrop())
