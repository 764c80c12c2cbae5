import numpy as np
import pytest
import tensorflow as tf

from cotrain.keras._forward import filled, joined
from cotrain.keras._losses import LossSum


def sums(**parts):
    """k0=(total, count): the task at place 0."""
    return {
        int(place[1:]): LossSum(tf.constant(total), tf.constant(count))
        for place, (total, count) in parts.items()
    }


def test_a_loss_is_total_over_count_times_weight_and_an_absent_task_has_none():
    shares, losses_K, present_K = joined(sums(k0=(6.0, 3.0), k2=(1.0, 4.0)), 3, [1.0, 5.0, 2.0])
    np.testing.assert_allclose(losses_K, [2.0, 0.0, 0.5])
    assert present_K.numpy().tolist() == [True, False, True]
    assert shares[1] is None
    assert float(shares[0]) == pytest.approx(2.0)
    assert float(shares[2]) == pytest.approx(0.5)


def test_a_column_without_a_label_is_absent_and_divides_by_nothing():
    shares, losses_K, present_K = joined(sums(k0=(0.0, 0.0)), 1, [3.0])
    assert losses_K.numpy().tolist() == [0.0]
    assert present_K.numpy().tolist() == [False]
    assert float(shares[0]) == 0.0


def test_no_task_at_all_gives_nothing_to_learn_from():
    shares, losses_K, present_K = joined({}, 2, [1.0, 1.0])
    assert shares == (None, None)
    assert not losses_K.numpy().any()
    assert not present_K.numpy().any()


def test_a_share_has_the_gradient_of_the_weighted_mean():
    parameter = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        part = LossSum(tf.reduce_sum(parameter * tf.constant([1.0, 2.0, 6.0])), tf.constant(3.0))
        shares, losses_K, _ = joined({0: part}, 1, [0.5])
    assert float(tape.gradient(shares[0], parameter)) == pytest.approx(0.5 * (1 + 2 + 6) / 3)
    assert float(losses_K[0]) == pytest.approx(4.5)


def test_missing_gradients_are_zeros_and_sparse_ones_become_dense():
    table = tf.Variable(np.ones((4, 2), "float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 1, 3]))
    sparse = tape.gradient(loss, table)
    assert isinstance(sparse, tf.IndexedSlices)
    dense, absent = filled([sparse, None], [table, table])
    np.testing.assert_array_equal(dense, [[0, 0], [2, 2], [0, 0], [1, 1]])
    np.testing.assert_array_equal(absent, np.zeros((4, 2)))
