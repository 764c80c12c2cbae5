"""The sum of log-losses."""

import numpy as np
import torch

from cotrain.balancing import LogLoss


def test_weights_are_the_gradient_of_the_sum_of_logarithms():
    losses = torch.tensor([0.3, 7.0, 40.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.log().sum(), losses)
    np.testing.assert_allclose(LogLoss().weights(losses.detach().numpy()), gradient.numpy())
