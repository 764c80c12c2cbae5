"""Relative loss balancing with random lookback."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.balancing import ReLoBRaLo


def softmax(logits):
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


def literal(history, temperature, alpha, lookback, seed):
    """The recursion of the paper, step by step."""
    weights, n = np.ones(len(history[0])), len(history[0])
    found = []
    for step, losses in enumerate(history):
        last = history[max(step - 1, 0)]
        rho = float(numpy_generator(seed, "relobralo", step).random() < lookback)
        since_first = n * softmax(losses / (temperature * history[0]))
        since_last = n * softmax(losses / (temperature * last))
        weights = alpha * (rho * weights + (1 - rho) * since_first) + (1 - alpha) * since_last
        found.append(weights)
    return found


@pytest.mark.parametrize("lookback", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.0])
def test_is_the_recursion_of_the_paper(alpha, lookback):
    history = np.random.default_rng(0).uniform(0.5, 2, (20, 4)) * [1, 100, 1e-3, 5]
    balancer = ReLoBRaLo(temperature=0.3, alpha=alpha, lookback=lookback, seed=3)
    for losses, expected in zip(history, literal(history, 0.3, alpha, lookback, 3), strict=True):
        np.testing.assert_allclose(balancer.weights(losses), expected, rtol=1e-12)


def test_the_loss_that_fell_least_gets_most_and_units_do_not_matter():
    balancer, scaled = ReLoBRaLo(alpha=0.5), ReLoBRaLo(alpha=0.5)
    for losses in ([1.0, 1.0, 1.0], [0.9, 0.5, 0.1], [0.8, 0.2, 0.01]):
        weights = balancer.weights(np.array(losses))
        np.testing.assert_allclose(scaled.weights(np.array(losses) * [1e3, 1e-6, 5]), weights)
    assert weights[0] > weights[1] > weights[2]


def test_a_task_that_joins_late_starts_with_equal_weight():
    balancer = ReLoBRaLo(alpha=0.9)
    balancer.weights(np.array([1.0, 1.0, np.nan]))
    assert balancer.weights(np.array([1.0, 1.0, 50.0])) == pytest.approx([1, 1, 1])


def test_bad_arguments_are_refused():
    for arguments in ({"temperature": 0.0}, {"alpha": 1.5}, {"lookback": -0.1}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            ReLoBRaLo(**arguments)
