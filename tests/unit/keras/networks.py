"""A network of two tasks, and data for it."""

import keras
import numpy as np

from cotrain.keras import MultiTaskModel

X = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
Y = np.random.default_rng(1).normal(size=(32, 2)).astype("float32")


def network(balancer=None, **options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(8, activation="relu", name="trunk")(inputs)
    outputs = {"a": keras.layers.Dense(1, name="head_a")(x), "b": keras.layers.Dense(1, name="head_b")(x)}
    return MultiTaskModel(inputs, outputs, balancer=balancer, **options)


def compiled(balancer=None, optimizer="adam", loss="mse", run_eagerly=True, **options):
    model = network(balancer, **options)
    model.compile(optimizer, loss, run_eagerly=run_eagerly, metrics={"a": ["mae"], "b": ["mae"]})
    return model


def weights(model, name):
    return [np.array(w) for w in model.get_layer(name).get_weights()]


def labels(a=None, b=None):
    return {"a": Y[:, 0] if a is None else a, "b": Y[:, 1] if b is None else b}
