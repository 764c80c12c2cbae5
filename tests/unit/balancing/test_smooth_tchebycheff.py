"""Smooth Tchebycheff scalarisation."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import SmoothTchebycheff


@pytest.mark.parametrize("mu", [0.05, 0.5])
def test_weights_are_the_gradient_of_the_smooth_maximum(mu):
    balancer = SmoothTchebycheff(mu, warmup=2, preference=[1, 2, 3])
    warmup = np.array([[1.0, 4.0, 9.0], [3.0, 6.0, 11.0]])
    for losses in warmup:
        np.testing.assert_allclose(balancer.weights(losses), np.array([0.5, 1, 1.5]) / losses)
    losses = torch.tensor([0.5, 4.0, 2.0], dtype=torch.float64, requires_grad=True)
    pull = (torch.tensor([0.5, 1, 1.5]) * losses / torch.from_numpy(warmup.mean(axis=0))).log() / mu
    (gradient,) = torch.autograd.grad(3 * mu * torch.logsumexp(pull, 0), losses)
    np.testing.assert_allclose(balancer.weights(losses.detach().numpy()), gradient.numpy(), rtol=1e-6)


def test_it_reaches_the_middle_of_a_non_convex_front():
    """Fonseca's problem: a weighted sum only ever ends at one of the two ends."""
    ends = []
    for preference in ([1, 1], [2, 1], [1, 2]):
        point, balancer = np.array([0.3, -0.2]), SmoothTchebycheff(0.1, warmup=1, preference=preference)
        for _ in range(3000):
            gaps = [point - 1 / np.sqrt(2), point + 1 / np.sqrt(2)]
            losses = np.array([1 - np.exp(-(gap @ gap)) for gap in gaps])
            rows = np.stack([2 * gap * np.exp(-(gap @ gap)) for gap in gaps])
            point = point - 0.01 * balancer.weights(losses) @ rows
        assert abs(point[0] - point[1]) < 0.01
        ends.append(point.mean())
    assert max(map(abs, ends)) < 0.6
    assert ends[1] > ends[0] + 0.02
    assert ends[2] < ends[0] - 0.02


def test_bad_arguments_are_refused():
    for arguments in ({"mu": 0.0}, {"warmup": 0}):
        with pytest.raises(InvalidArgumentError):
            SmoothTchebycheff(**arguments)
