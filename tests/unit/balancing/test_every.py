"""Weights every few steps."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import FAMO, MGDA, Every, GradDrop, LogLoss, Needs, StepDecision, UnitNorm


def test_weights_are_computed_every_k_steps_and_reused_between():
    balancer = Every(MGDA(), k=3)
    for step in range(7):
        assert balancer.needs is (Needs.GRAMIAN if step % 3 == 0 else Needs.LOSSES)
        gramian = np.diag([4.0, 1.0]) if step < 3 else np.diag([1.0, 1.0])
        weights = balancer.weights(np.ones(2), gramian if step % 3 == 0 else None)
        np.testing.assert_allclose(weights, [0.2, 0.8] if step < 3 else [0.5, 0.5])


def test_absent_tasks_keep_their_weight_and_new_ones_get_the_mean():
    balancer = Every(MGDA(), k=2)
    balancer.weights(np.array([1.0, 1.0, np.nan]), np.diag([4.0, 1.0, 1.0]))
    np.testing.assert_allclose(balancer.weights(np.ones(3)), [0.2, 0.8, 0.5])
    balancer.weights(np.array([np.nan, 1.0, 1.0]), np.diag([4.0, 1.0, 1.0]))
    np.testing.assert_allclose(balancer.weights(np.ones(3)), [0.2, 0.5, 0.5])


def test_a_weight_of_zero_that_was_computed_is_kept():
    balancer = Every(MGDA(), k=2)
    parallel = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(balancer.weights(np.ones(2), parallel), [1, 0])
    np.testing.assert_allclose(balancer.weights(np.ones(2)), [1, 0])


def test_a_loaded_state_knows_what_comes_next():
    balancer, fresh = Every(MGDA(), k=3), Every(MGDA(), k=3)
    balancer.weights(np.ones(2), np.eye(2))
    fresh.load_state_dict(balancer.state_dict())
    assert fresh.needs is Needs.LOSSES
    np.testing.assert_array_equal(fresh.weights(np.ones(2)), balancer.weights(np.ones(2)))
    assert fresh.balancer.state is fresh.state["balancer"]


def test_losses_after_the_update_reach_the_method_on_its_own_steps():
    balancer = Every(FAMO(), k=2)
    assert balancer.observes_update
    for _ in range(4):
        balancer.weights(np.array([1.0, 2.0]))
        balancer.observe_update(np.array([0.9, 2.0]))
    assert balancer.balancer.state["n_updates"][0] == 2


def test_norms_and_devices():
    assert Every(UnitNorm()).needs is Needs.NORMS
    weights = Every(LogLoss()).weights(torch.ones(2))
    assert isinstance(weights, torch.Tensor)


def test_refusals():
    with pytest.raises(InvalidArgumentError, match="k"):
        Every(MGDA(), k=0)
    with pytest.raises(InvalidArgumentError, match="GradDrop gives updates"):
        Every(GradDrop())


def test_the_preference_of_the_method_is_the_one_that_heads_weigh():
    assert Every(MGDA(preference=[1, 3])).preference == [1.0, 3.0]
    balancer = Every(MGDA())
    balancer.start(2, preference=[1, 3])
    assert balancer.preference == balancer.balancer.preference == [1.0, 3.0]
    assert StepDecision.of(balancer, np.ones(2), gramian=np.eye(2)).head_weights_K.tolist() == [0.5, 1.5]
