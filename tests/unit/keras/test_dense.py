import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain.keras._dense import DenseTap, DenseTerm, at_preactivation, dense_taps, row_limit


def term(n_tasks, n_rows, bias):
    random = np.random.default_rng(n_tasks * 10 + n_rows)
    a, z = random.normal(size=(n_rows, 4)), random.normal(size=(n_tasks, n_rows, 3))
    return DenseTerm(tf.constant(a), tf.constant(z), bias), a, z


def weight_gradients(a, z_BO, bias):
    """The kernel's and the bias's gradient of one task, row by row."""
    kernel, offset = np.zeros((a.shape[1], z_BO.shape[1])), np.zeros(z_BO.shape[1])
    for row, grad in zip(a, z_BO, strict=True):
        kernel += np.outer(row, grad)
        offset += grad
    return [kernel, offset] if bias else [kernel]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("n_tasks", "n_rows"), [(1, 5), (3, 1), (4, 6)])
def test_the_gramian_is_that_of_the_gradients_of_the_weights(n_tasks, n_rows, bias):
    ours, a, z = term(n_tasks, n_rows, bias)
    jacobian = np.stack(
        [np.concatenate([g.ravel() for g in weight_gradients(a, z[k], bias)]) for k in range(n_tasks)]
    )
    np.testing.assert_allclose(ours.gramian(), jacobian @ jacobian.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_the_combined_gradient_is_the_weighted_sum_and_weight_zero_silences_what_is_not_finite(bias):
    ours, a, z = term(3, 5, bias)
    z = z.copy()
    z[1] = np.nan
    got = DenseTerm(ours.a, tf.constant(z), bias).combined(tf.constant([0.5, 0.0, 2.0]))
    first, third = weight_gradients(a, z[0], bias), weight_gradients(a, z[2], bias)
    assert len(got) == len(first)
    for grad, x, y in zip(got, first, third, strict=True):
        np.testing.assert_allclose(grad, 0.5 * x + 2 * y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_gradients_before_the_activation_are_what_the_tape_says(activation):
    before = tf.Variable(np.random.default_rng(0).normal(size=(4, 3)))
    upstream = tf.constant(np.random.default_rng(1).normal(size=(4, 3)))
    with tf.GradientTape() as tape:
        output = keras.activations.get(activation)(before)
    expected = tape.gradient(output, before, output_gradients=upstream)
    tap = DenseTap(keras.layers.Dense(3, activation=activation), None, None)
    got = at_preactivation(tap, output, [upstream, None])
    np.testing.assert_allclose(got[0], expected, rtol=1e-12)
    np.testing.assert_array_equal(got[1], np.zeros((4, 3)))


class OwnDense(keras.layers.Dense):
    pass


def test_only_layers_whose_gradients_are_the_outer_products_are_tapped():
    inputs = keras.Input((4,))
    twice, frozen = keras.layers.Dense(4, name="twice"), keras.layers.Dense(4, name="frozen")
    x = keras.layers.Dense(4, activation="relu", name="good")(inputs)
    x = keras.layers.Dense(4, use_bias=False, name="without_bias")(x)
    x = keras.layers.Dense(4, activation="softmax", name="softmax")(x)
    x = OwnDense(4, name="own")(frozen(twice(twice(x))))
    x = keras.layers.Dense(4, dtype="mixed_float16", name="half")(x)
    x = keras.layers.Reshape((2, 2))(x)
    model = keras.Model(inputs, keras.layers.Dense(4, name="positions")(x))
    frozen.trainable = False
    assert [tap.layer.name for tap in dense_taps(model)] == ["good", "without_bias"]


def test_wider_layers_may_be_tapped_for_more_rows_and_no_layer_for_none():
    def limit(width):
        inputs = keras.Input((width,))
        return row_limit(dense_taps(keras.Model(inputs, keras.layers.Dense(width)(inputs))))

    assert row_limit([]) == 0
    assert 0 < limit(100) < limit(1000)
