"""Loss discrepancy control."""

import numpy as np
import torch

from cotrain.balancing import LDC


def test_weights_and_steps_are_those_of_automatic_differentiation():
    ours = LDC(penalty=0.3, learning_rate=0.05)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.05)
    generator = np.random.default_rng(0)
    for _ in range(25):
        losses = torch.tensor(generator.uniform(0.5, 5, 4), requires_grad=True)
        sigma = torch.sigmoid(logits)
        weighted = sigma * losses
        objective = weighted.sum() / sigma.detach().sum() + 0.3 * weighted.diff().abs().sum()
        weights, logits.grad = torch.autograd.grad(objective, (losses, logits))
        result = ours.weights(losses)
        np.testing.assert_allclose(result.numpy(), weights.numpy(), rtol=1e-6)
        adam.step()


def test_absent_tasks_are_no_neighbours():
    ours, other = LDC(penalty=0.3), LDC(penalty=0.3)
    for _ in range(5):
        weights = ours.weights(np.array([1.0, np.nan, 3.0]))
        np.testing.assert_allclose(weights[[0, 2]], other.weights(np.array([1.0, 3.0])))
