"""Adam on K numbers, against PyTorch's."""

import numpy as np
import torch

from cotrain.balancing._adam import adam_step


def test_many_steps_equal_pytorchs():
    rng = np.random.default_rng(0)
    parameter = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = torch.optim.Adam([parameter], lr=0.03)
    ours, moments = np.zeros(3), (np.zeros(3), np.zeros(3), np.zeros(3))
    for _ in range(50):
        gradient = rng.normal(size=3) * [1.0, 1e3, 1e-3]
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        change, moments = adam_step(np, gradient, moments, 0.03)
        ours = ours + change
    np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_the_first_step_has_the_length_of_the_rate_whatever_the_gradients_size():
    zeros = np.zeros(2)
    change, (_, _, steps) = adam_step(np, np.array([1e-3, -1e6]), (zeros, zeros, zeros), 0.1)
    np.testing.assert_allclose(change, [-0.1, 0.1], rtol=1e-4)
    assert steps.tolist() == [1, 1]
