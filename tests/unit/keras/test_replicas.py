"""One process alone; several replicas are in tests/contracts/keras, which give TensorFlow two devices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain.keras._replicas import assign_where, n_replicas, on_host, summed


def test_alone_nothing_is_summed():
    tensors = [tf.constant([1.0, 2.0]), tf.constant(3.0)]
    assert n_replicas() == 1
    assert all(a is b for a, b in zip(summed(tensors), tensors, strict=True))
    assert summed([]) == []


@pytest.mark.parametrize("graph", [False, True])
def test_the_host_is_called_once_a_step_with_arrays_and_its_answer_comes_back(graph):
    calls = []

    def function(a, b):
        calls.append((a.tolist(), b.tolist()))
        return a + b, np.asarray(len(calls), dtype=np.float64)

    def step(a, b):
        return on_host(function, [a, b], (tf.float64, tf.float64))

    step = tf.function(step) if graph else step
    for n in (1, 2):
        total, count = step(tf.constant([1.0, 2.0], tf.float64), tf.constant(float(n), tf.float64))
        assert np.array(total).tolist() == [1.0 + n, 2.0 + n]
        assert float(count) == n
    assert calls == [([1.0, 2.0], 1.0), ([1.0, 2.0], 2.0)]


@pytest.mark.parametrize("moved", [False, True])
def test_a_value_is_put_back_unless_the_variable_was_to_move(moved):
    variable = keras.Variable([5.0, 6.0])
    assign_where(variable, tf.constant([1.0, 2.0]), tf.constant(moved))
    np.testing.assert_array_equal(np.array(variable), [5.0, 6.0] if moved else [1.0, 2.0])
