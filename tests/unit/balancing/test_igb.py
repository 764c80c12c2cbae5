"""Improvable gap balancing."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import IGB, LogLoss


def literal(epochs, base_epoch):
    """Weights of every step: softmax of the losses over the base epoch's means, on the log-losses."""
    found, base = [], None
    for epoch, batches in enumerate(epochs):
        for losses in batches:
            gap = np.ones_like(losses) if base is None else losses / base
            raised = np.exp(gap)
            found.append(len(losses) * raised / raised.sum() / losses)
        if epoch == base_epoch:
            base = np.mean(batches, axis=0)
    return found


@pytest.mark.parametrize("base_epoch", [0, 1, 2])
def test_is_the_formula_of_the_paper(base_epoch):
    epochs = np.random.default_rng(0).uniform(0.5, 2, (5, 4, 3)) * [1, 100, 1e-3]
    balancer, found = IGB(base_epoch), []
    for batches in epochs:
        found += [balancer.weights(losses) for losses in batches]
        balancer.end_epoch()
    for weights, expected in zip(found, literal(epochs, base_epoch), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-12)


def test_before_the_base_epoch_it_is_the_log_loss():
    losses = np.array([0.1, 3.0])
    np.testing.assert_allclose(IGB().weights(losses), LogLoss().weights(losses))


def test_a_task_without_a_label_in_the_base_epoch_takes_the_next_one():
    balancer = IGB(base_epoch=0)
    balancer.weights(np.array([1.0, np.nan]))
    balancer.end_epoch()
    assert balancer.weights(np.array([1.0, 2.0])) == pytest.approx([1.0, 0.5])
    balancer.end_epoch()
    raised = np.exp([1.0, 0.5])
    assert balancer.weights(np.array([1.0, 1.0])) == pytest.approx(2 * raised / raised.sum())


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="base_epoch"):
        IGB(base_epoch=-1)
