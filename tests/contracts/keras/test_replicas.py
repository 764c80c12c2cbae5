"""Two replicas must do the step of one on the joined batch, whatever labels each of them has."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain import balancing
from cotrain.keras import MultiTaskModel

START = np.random.default_rng(5)
WEIGHTS = [START.normal(size=shape) * 0.5 for shape in [(5, 7), (7,), (7, 1), (1,), (7, 1), (1,)]]


def network(balancer, optimizer):
    inputs = keras.Input((5,), dtype="float64")
    x = keras.layers.Dense(7, activation="tanh", dtype="float64", name="trunk", kernel_regularizer="l2")(
        inputs
    )
    outputs = {
        "a": keras.layers.Dense(1, dtype="float64", name="a")(x),
        "b": keras.layers.Dense(1, dtype="float64", name="b")(x),
    }
    model = MultiTaskModel(inputs, outputs, balancer=balancer)
    for name, place in (("trunk", 0), ("a", 2), ("b", 4)):
        model.get_layer(name).set_weights(WEIGHTS[place : place + 2])
    model.compile(optimizer, "mse")
    return model


def batches(n_steps, half=8):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_steps, 2 * half, 5))
    y = rng.normal(size=(n_steps, 2 * half, 2)) * [1.0, 3.0]
    # The first half has nearly all labels of the first task and few of the second.
    y[:, 1:half, 1] = np.nan
    y[:, half + 2 :, 0] = np.nan
    y[1, :, 0] = np.nan  # a step in which one task is absent everywhere
    return [(x[i], {"a": y[i, :, 0], "b": y[i, :, 1]}) for i in range(n_steps)]


def trained(strategy, balancer, optimizer):
    with strategy.scope():
        model = network(balancer(), optimizer())
    data = tf.data.Dataset.from_generator(
        lambda: iter(batches(3)),
        output_signature=(
            tf.TensorSpec((16, 5), tf.float64),
            {"a": tf.TensorSpec((16,), tf.float64), "b": tf.TensorSpec((16,), tf.float64)},
        ),
    )
    history = model.fit(data, verbose=0)
    layers = [model.get_layer(name) for name in ("trunk", "a", "b")]
    return [w for layer in layers for w in layer.get_weights()], history.history, model.task_weights


@pytest.fixture(scope="module")
def replicas():
    # One for all tests: a second strategy would number its collective operations from the start again, and
    # TensorFlow remembers in each process the shapes that those numbers had.
    return tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])


@pytest.mark.filterwarnings("ignore")  # TensorFlow warns about its own strategies
@pytest.mark.parametrize(
    "balancer",
    [balancing.UPGrad, balancing.Equal, balancing.UnitNorm, balancing.FAMO, balancing.MoCo],
    ids=lambda b: b.__name__,
)
def test_two_replicas_equal_one_on_the_joined_batch(replicas, balancer):
    def adam():
        return keras.optimizers.Adam(0.05)

    one = trained(tf.distribute.get_strategy(), balancer, adam)
    two = trained(replicas, balancer, adam)
    for first, second in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6)
    for name in ("a_loss", "b_loss"):
        np.testing.assert_allclose(one[1][name], two[1][name], rtol=1e-6)
    assert one[2] == pytest.approx(two[2], rel=1e-6, nan_ok=True)
