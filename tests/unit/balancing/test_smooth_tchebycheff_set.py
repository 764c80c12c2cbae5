"""STCH-Set."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import SmoothTchebycheffSet


def objective(losses_nm, mu):
    """The objective of the paper with the ideal point 0, times the number of tasks."""
    best = -mu * np.log(np.exp(-losses_nm / mu).sum(axis=0))
    return losses_nm.shape[1] * mu * np.log(np.exp(best / mu).sum())


@pytest.mark.parametrize("mu", [0.1, 1.0])
@pytest.mark.parametrize(("models", "tasks"), [(1, 4), (2, 3), (3, 5)])
def test_weights_are_the_gradient_of_the_objective(models, tasks, mu):
    losses = np.random.default_rng(models).uniform(0.1, 1, (models, tasks))
    preference = np.random.default_rng(9).uniform(0.5, 2, (models, tasks))
    preference /= preference.mean()
    balancer = SmoothTchebycheffSet(models, mu, preference=preference.ravel().tolist())
    weights = balancer.weights(losses.ravel()).reshape(models, tasks)
    for place in np.ndindex(models, tasks):
        step = np.zeros((models, tasks))
        step[place] = 1e-6
        rise = objective(preference * (losses + step), mu) - objective(preference * (losses - step), mu)
        assert weights[place] == pytest.approx(rise / 2e-6, rel=1e-5, abs=1e-8)


def test_a_small_mu_leaves_the_worst_task_to_the_model_that_does_it_best():
    losses = np.array([[0.2, 0.9, 0.5], [0.7, 0.6, 0.5]])
    weights = SmoothTchebycheffSet(2, 1e-3).weights(losses.ravel()).reshape(2, 3)
    np.testing.assert_allclose(weights, [[0, 0, 0], [0, 3, 0]], atol=1e-9)


def test_a_pair_without_a_loss_is_left_out_and_a_task_without_any_too():
    losses = np.array([[0.2, np.nan, np.nan], [0.7, 0.6, np.nan]])
    weights = SmoothTchebycheffSet(2, 0.1).weights(losses.ravel()).reshape(2, 3)
    reduced = SmoothTchebycheffSet(2, 0.1).weights(np.array([0.2, 100.0, 0.7, 0.6])).reshape(2, 2)
    np.testing.assert_allclose(weights[:, :2], reduced, atol=1e-12)
    assert (weights[:, 2] == 0).all()


def test_losses_that_are_far_above_mu_do_not_overflow():
    weights = SmoothTchebycheffSet(2, 0.1).weights(np.array([1e6, 2e6, 3e6, 1e6], dtype=np.float32))
    np.testing.assert_allclose(weights.sum(), 2.0, rtol=1e-6)


def test_refusals():
    with pytest.raises(InvalidArgumentError, match="got 5 losses"):
        SmoothTchebycheffSet(models=2).weights(np.ones(5))
    for arguments in ({"models": 0}, {"mu": 0.0}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            SmoothTchebycheffSet(**arguments)
