"""CoBa."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import CoBa


def softmax(values):
    raised = np.exp(values - values.max())
    return raised / raised.sum()


def literal(validations, window, temperature):
    """Slopes by polynomial fits, and the three scores as they are written."""
    relative = np.array(validations) / validations[0]
    slopes = []
    for end in range(2, len(relative) + 1):
        recent = relative[max(0, end - window) : end]
        slopes.append(np.polyfit(np.arange(len(recent)), recent, 1)[0])
    slopes = np.array(slopes)[-window:]
    now, n_tasks, n_points = slopes[-1], slopes.shape[1], len(slopes)
    rcs = softmax(n_tasks * now / np.abs(now).sum())
    acs = softmax(-n_points * now / np.abs(slopes).sum(axis=0))
    worst = slopes.max(axis=1)
    factor = min(n_points * softmax(-temperature * n_points * worst / np.abs(worst).sum())[-1], 1)
    return np.maximum(n_tasks * softmax(n_tasks * (factor * rcs + (1 - factor) * acs)), 0.1), factor


def test_is_the_formula():
    balancer, generator, validations = CoBa(window=4, warmup=3), np.random.default_rng(0), []
    for step in range(12):
        losses = np.array([5.0, 1.0, 0.5]) * 0.9 ** (step * np.array([1, 2, 3]))
        losses = losses * generator.uniform(0.95, 1.05, 3)
        validations.append(losses)
        balancer.observe_validation(losses)
        weights = balancer.weights(losses)
        expected = np.ones(3) if step < 2 else literal(validations, 4, 5.0)[0]
        np.testing.assert_allclose(weights, expected, rtol=1e-9)


def test_a_diverging_task_loses_weight():
    balancer, validations = CoBa(window=5, warmup=3), []
    for step in range(12):
        turned = max(0, step - 6)
        losses = np.array([0.9**step, 0.8 ** min(step, 6) * 1.3**turned])
        validations.append(losses)
        balancer.observe_validation(losses)
    assert literal(validations, 5, 5.0)[1] < 0.5
    assert balancer.weights(losses)[1] < balancer.weights(losses)[0]


def test_a_broken_validation_repeats_the_last():
    balancer = CoBa(window=3, warmup=2)
    for losses in ([1.0, 1.0], [0.5, np.nan], [0.4, 0.9]):
        balancer.observe_validation(np.array(losses))
    assert np.isfinite(balancer.weights(np.ones(2))).all()
    with pytest.raises(InvalidArgumentError, match="window"):
        CoBa(window=1)
