"""What one step does with each task."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.balancing import (
    FAMO,
    MGDA,
    Equal,
    Every,
    GradDrop,
    LogLoss,
    NashMTL,
    StepDecision,
    UnitNorm,
    UPGrad,
    head_weights,
)

ROWS = np.random.default_rng(0).normal(size=(3, 7))
GRAMIAN = ROWS @ ROWS.T


def literal(losses, present, diagonal, healthy, scaled):
    """Who is active, who is broken, and whether the scale overflows, task by task."""
    active, broken, overflow = [], [], False
    for task in range(len(losses)):
        if not present[task]:
            state = "absent"
        elif not np.isfinite(losses[task]):
            state = "broken"
        elif np.isfinite(diagonal[task]) and healthy[task]:
            state = "active"
        else:
            state = "broken"
            overflow |= scaled
        active.append(state == "active")
        broken.append(state == "broken")
    if overflow:
        return list(present), [False] * len(losses), True
    return active, broken, False


@pytest.mark.parametrize("scaled", [False, True])
def test_every_combination_of_absent_and_broken_tasks_is_sorted_as_by_hand(scaled):
    kinds = list(itertools.product([True, False], [1.0, np.nan], [1.0, np.inf], [True, False]))
    for first, second in itertools.product(kinds, kinds):
        present, losses, norms, healthy = (np.array(v) for v in zip(first, second, strict=True))
        found = StepDecision.of(
            UnitNorm(), losses, present, gramian=norms, gradients_finite=healthy, scaled=scaled
        )
        active, broken, overflow = literal(losses, present, norms, healthy, scaled)
        assert found.active_K.tolist() == active
        assert found.broken_K.tolist() == broken
        assert found.overflow is overflow
        assert found.skip is not any(active)
        if overflow:
            assert np.isnan(found.weights_K).all()
            assert np.isnan(found.head_weights_K).all()
        else:
            assert (found.weights_K[~found.active_K] == 0).all()
            assert (found.weights_K[found.active_K] > 0).all()
            np.testing.assert_array_equal(found.head_weights_K, head_weights(None, found.active_K))


def test_the_weights_are_those_of_the_method_on_the_active_tasks():
    losses, present = np.array([1.0, 2.0, np.nan]), np.array([True, True, True])
    broken = GRAMIAN.copy()
    broken[2] = broken[:, 2] = np.nan
    found = StepDecision.of(UPGrad(preference=[1, 3, 9]), losses, present, gramian=broken)
    expected = UPGrad(preference=[1, 3]).weights(losses[:2], GRAMIAN[:2, :2])
    np.testing.assert_allclose(found.weights_K, [*expected, 0.0])
    np.testing.assert_allclose(found.head_weights_K, [0.5, 1.5, 0.0])
    assert np.isnan(found.gramian_KK[2]).all()
    assert np.isnan(found.gramian_KK[:, 2]).all()
    np.testing.assert_array_equal(found.gramian_KK[:2, :2], GRAMIAN[:2, :2])


def test_a_method_on_losses_weighs_heads_too_and_keeps_its_state_beside_the_losses():
    balancer, losses = LogLoss(), np.array([1.0, 4.0, 2.0])
    on_device = torch.from_numpy(losses)
    present = np.array([True, True, False])
    found = StepDecision.of(balancer, losses, present, losses_on_device=on_device)
    np.testing.assert_allclose(found.weights_K, [1, 0.25, 0])
    np.testing.assert_array_equal(found.head_weights_K, found.weights_K)
    assert isinstance(balancer.state["lowest"], torch.Tensor)
    assert found.gramian_KK is None


def test_where_nothing_is_shared_a_gradient_method_is_not_asked():
    balancer = NashMTL(preference=[1, 3])
    found = StepDecision.of(balancer, np.ones(2), gramian=np.eye(2), shared=False)
    assert found.weights_K.tolist() == found.head_weights_K.tolist() == [0.5, 1.5]
    scaled = StepDecision.of(LogLoss(), np.array([1.0, 4.0]), shared=False)
    np.testing.assert_allclose(scaled.weights_K, [1, 0.25])


@pytest.mark.parametrize("how", ["overflow", "nobody"])
def test_a_step_without_weights_leaves_the_state_of_the_method(how):
    balancer = Every(FAMO(), k=3)
    StepDecision.of(balancer, np.ones(2))
    before = repr(balancer.state_dict())
    if how == "overflow":
        StepDecision.of(balancer, np.ones(2), gradients_finite=np.array([True, False]), scaled=True)
    else:
        assert StepDecision.of(balancer, np.ones(2), np.zeros(2, dtype=bool)).skip
    assert repr(balancer.state_dict()) == before


def test_a_method_on_the_jacobian_gets_the_active_tasks_and_no_weights():
    healthy = np.array([True, False, True])
    found = StepDecision.of(
        GradDrop(preference=[1, 1, 3]), np.ones(3), gradients_finite=healthy, rescale="sum"
    )
    assert np.isnan(found.weights_K).all()
    assert found.active_K.tolist() == [True, False, True]
    np.testing.assert_allclose(found.head_weights_K, [0.5, 0, 1.5])


def test_the_update_has_the_length_that_is_asked_for():
    present = np.array([True, False, True])
    rows = np.where(present[:, None], ROWS, 0.0)
    wanted = {"sum": np.linalg.norm(rows.sum(0)), "mean": np.linalg.norm(rows.sum(0)) / 2}
    for rescale, length in wanted.items():
        found = StepDecision.of(MGDA(), np.ones(3), present, gramian=GRAMIAN, rescale=rescale)
        assert np.linalg.norm(found.weights_K @ rows) == pytest.approx(length)
    found = StepDecision.of(MGDA(), np.ones(3), present, gramian=GRAMIAN, rescale="weights")
    assert found.weights_K.sum() == pytest.approx(2)
    opposite = np.array([[1.0, -1.0], [-1.0, 1.0]])
    found = StepDecision.of(MGDA(), np.ones(2), gramian=opposite, rescale="sum")
    np.testing.assert_allclose(found.weights_K, [0.5, 0.5])


@pytest.mark.parametrize(("gramian", "what"), [(None, "no Gramian"), (np.ones(2), "only the diagonal")])
def test_a_length_that_cannot_be_known_is_refused(gramian, what):
    with pytest.raises(InvalidArgumentError, match=what):
        StepDecision.of(UnitNorm(), np.ones(2), gramian=gramian, rescale="sum")


def test_what_comes_in_is_not_written_to():
    losses, healthy, gramian = np.array([1.0, np.nan]), np.array([True, True]), np.diag([1.0, np.inf])
    copies = losses.copy(), healthy.copy(), gramian.copy()
    StepDecision.of(Equal(), losses, gramian=gramian, gradients_finite=healthy)
    for left, right in zip((losses, healthy, gramian), copies, strict=True):
        np.testing.assert_array_equal(left, right)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.booleans()), min_size=1, max_size=40))
def test_ratios_are_those_of_the_preference_and_the_mean_over_the_active_tasks_is_one(pairs):
    preference = [value for value, _ in pairs]
    active = np.array([here for _, here in pairs])
    found = head_weights(preference, active)
    assert (found[~active] == 0).all()
    if active.any():
        assert found[active].mean() == pytest.approx(1)
        assert found[active] / found[active][0] == pytest.approx(
            np.array(preference)[active] / preference[active.argmax()]
        )


def test_without_a_preference_every_active_task_counts_one():
    assert head_weights(None, np.array([True, False])).tolist() == [1.0, 0.0]
