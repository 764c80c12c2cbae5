"""The geometric mean of the losses."""

import numpy as np
import torch

from cotrain.balancing import GeometricMean


def test_weights_are_the_gradient_of_the_geometric_mean():
    losses = torch.tensor([0.3, 7.0, 40.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.prod() ** (1 / 3), losses)
    np.testing.assert_allclose(GeometricMean().weights(losses.detach().numpy()), gradient.numpy())
