import logging

import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import InvalidArgumentError
from cotrain.keras._numpy_bridge import BalancerBridge

YES, NO = np.array(True), np.array(False)


def bridge(balancer, n_tasks=2, preference=None):
    return BalancerBridge(balancer, "abc"[:n_tasks], preference, None)


def flags(*values):
    return np.array(values, dtype=bool)


def test_the_answer_is_the_weights_of_the_method_those_of_the_heads_and_who_took_part():
    jacobian = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, 0.0]])
    host = bridge(balancing.UPGrad(), 3, [1.0, 3.0, 2.0])
    answer = host.weigh(np.array([1.0, 2.0, 9.0]), flags(1, 1, 0), jacobian @ jacobian.T, flags(1, 1, 1), NO)
    alone = balancing.UPGrad(preference=[1.0, 3.0, 2.0])
    expected = alone.weights(np.array([1.0, 2.0, 0.0]), jacobian @ jacobian.T, flags(1, 1, 0))
    np.testing.assert_allclose(answer[0], expected)
    np.testing.assert_allclose(answer[1], [0.5, 1.5, 0.0])
    assert answer[2].tolist() == [1.0, 1.0, 0.0]
    np.testing.assert_array_equal(host.weights_K, answer[0])


def test_a_broken_task_is_counted_each_time_and_warned_of_once(caplog):
    host = bridge(balancing.Equal())
    with caplog.at_level(logging.WARNING, "cotrain"):
        for _ in range(3):
            answer = host.weigh(np.array([np.nan, 1.0]), flags(1, 1), np.zeros((0, 0)), flags(1, 1), NO)
        host.note_gradients(flags(0, 1))
    assert answer.tolist() == [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    assert host.skipped_K.tolist() == [3, 1]
    assert [record.args for record in caplog.records] == [("a",), ("b",)]


def test_overflow_under_a_loss_scale_is_no_fault_of_the_task_and_leaves_the_last_weights():
    host = bridge(balancing.GradVac())
    host.weigh(np.ones(2), flags(1, 1), np.eye(2), flags(1, 1), YES)
    last, state = host.weights_K.copy(), host.balancer.state_dict()
    answer = host.weigh(np.ones(2), flags(1, 1), np.diag([np.inf, 1.0]), flags(1, 1), YES)
    assert np.isnan(answer[:2]).all()
    assert host.skipped_K.tolist() == [0, 0]
    assert host.balancer.state_dict() == state
    np.testing.assert_array_equal(host.weights_K, last)


def test_a_method_on_the_jacobian_gets_the_rows_and_gives_the_update():
    jacobian = np.array([[3.0, -1.0, 2.0], [1.0, 1.0, np.nan]], dtype=np.float32)
    host = bridge(balancing.GradDrop())
    update, answer = host.combine(np.ones(2), flags(1, 1), jacobian, flags(1, 1), NO)
    np.testing.assert_allclose(update, jacobian[0])  # the other row is not finite, and nothing is dropped
    assert update.dtype == np.float32
    assert answer[2].tolist() == [1.0, 0.0]
    assert host.skipped_K.tolist() == [0, 1]
    update, _ = host.combine(np.ones(2), flags(0, 0), jacobian, flags(1, 1), NO)
    assert update.tolist() == [0.0, 0.0, 0.0]
    update, _ = host.combine(np.ones(2), flags(1, 1), jacobian, flags(1, 1), YES)
    assert np.isnan(update).all()
    with pytest.raises(InvalidArgumentError, match="UPGrad does not combine gradients"):
        bridge(balancing.UPGrad()).combine(np.ones(2), flags(1, 1), jacobian, flags(1, 1), NO)


def test_gradients_are_due_when_the_method_solves():
    host = bridge(balancing.Every(balancing.UPGrad(), k=2))
    seen = []
    for _ in range(4):
        seen.append(bool(host.due()))
        host.weigh(np.ones(2), flags(1, 1), np.eye(2) if seen[-1] else np.zeros((0, 0)), flags(1, 1), NO)
    assert seen == [True, False, True, False]
    assert not host.fixed
    assert bridge(balancing.UPGrad()).fixed


def test_losses_after_the_update_are_not_a_number_where_a_task_is_absent():
    host = bridge(balancing.FAMO())
    host.balancer.observe_update = lambda losses: seen.append(losses.tolist())
    seen = []
    host.observe_update(np.array([1.0, 7.0]), flags(1, 0))
    assert seen[0][0] == 1.0
    assert np.isnan(seen[0][1])


@pytest.mark.parametrize(
    ("balancer", "words"),
    [
        ("UPGrad", "must be a balancing method .* got 'UPGrad'"),
        (balancing.MoDo(), "MoDo needs several independent"),
    ],
)
def test_what_model_fit_cannot_use_is_refused(balancer, words):
    with pytest.raises(InvalidArgumentError, match=words):
        bridge(balancer)
