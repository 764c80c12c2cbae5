"""IMTL-L: scaled losses of one value."""

import numpy as np

from cotrain.balancing import IMTLLoss, Uncertainty


def test_steps_are_those_of_the_gradient():
    balancer, s = IMTLLoss(learning_rate=0.1), np.zeros(2)
    losses = np.array([0.5, 2.0])
    for _ in range(20):
        np.testing.assert_allclose(balancer.weights(losses), np.exp(s))
        s = s - 0.1 * (np.exp(s) * losses - 1)


def test_it_is_uncertainty_weighting_under_another_sign():
    ours, other = IMTLLoss(), Uncertainty()
    generator = np.random.default_rng(0)
    for _ in range(20):
        losses = generator.uniform(0.1, 5, 3)
        np.testing.assert_allclose(ours.weights(losses), other.weights(losses), rtol=1e-12)
