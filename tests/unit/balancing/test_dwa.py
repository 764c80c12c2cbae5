"""Dynamic weight average."""

import numpy as np
import pytest

from cotrain.balancing import DWA


def test_is_the_softmax_of_ratios_of_epoch_means():
    balancer, epochs = DWA(temperature=2.0), np.random.default_rng(0).uniform(0.5, 2, (5, 4, 3))
    for epoch, batches in enumerate(epochs):
        ratio = np.ones(3) if epoch < 2 else epochs[epoch - 1].mean(axis=0) / epochs[epoch - 2].mean(axis=0)
        expected = np.exp(ratio / 2)
        for losses in batches:
            np.testing.assert_allclose(balancer.weights(losses), 3 * expected / expected.sum())
        balancer.end_epoch()


def test_an_epoch_without_a_label_is_skipped():
    balancer, nan = DWA(), np.nan
    for losses in ([4.0, 1.0], [2.0, nan], [1.0, 1.0]):
        balancer.weights(np.array(losses))
        balancer.end_epoch()
    expected = np.exp(np.array([0.5, 1.0]) / 2)
    np.testing.assert_allclose(balancer.weights(np.ones(2)), 2 * expected / expected.sum())


def test_an_empty_epoch_changes_nothing():
    balancer = DWA()
    balancer.end_epoch()
    assert balancer.weights(np.array([1.0, 5.0])) == pytest.approx(1)
