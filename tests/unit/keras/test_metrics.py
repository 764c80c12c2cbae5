import math

import keras
import numpy as np
import pytest

from cotrain.balancing import Equal, UPGrad
from cotrain.keras import MultiTaskModel


def compiled(names=("a", "a_b"), balancer=None, **options):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3)(inputs)
    model = MultiTaskModel(
        inputs, {name: keras.layers.Dense(1)(hidden) for name in names}, balancer=balancer or Equal()
    )
    model.compile("sgd", "mse", metrics={name: ["mae"] for name in names}, **options)
    return model


def rows(n=8):
    x = np.random.default_rng(0).normal(size=(n, 4)).astype("float32")
    return x, {"a": x.sum(axis=1), "a_b": np.full(n, np.nan, "float32")}


@pytest.mark.parametrize("balancer", [Equal, UPGrad])
@pytest.mark.parametrize("eagerly", [False, True])
def test_a_task_without_labels_has_no_figure_instead_of_a_perfect_one(balancer, eagerly):
    x, y = rows()
    model = compiled(balancer=balancer(), run_eagerly=eagerly)
    history = model.fit(x, y, validation_data=(x, y), verbose=0, batch_size=4).history
    for name in ("a_b_loss", "a_b_mae", "val_a_b_loss", "val_a_b_mae"):
        assert math.isnan(history[name][-1]), name
    for name in ("a_loss", "a_mae", "val_a_loss", "val_a_mae", "loss", "val_loss"):
        assert history[name][-1] > 0, name
    assert history["val_loss"] == pytest.approx(history["val_a_loss"])


def test_labels_in_one_batch_of_several_are_enough():
    x, y = rows()
    y["a_b"][5] = 1.0
    figures = compiled().evaluate(x, y, batch_size=2, verbose=0, return_dict=True)
    assert figures["a_b_loss"] >= 0
    assert figures["a_b_mae"] >= 0


def test_a_task_without_labels_never_stops_a_training_early():
    x, y = rows()
    stop = keras.callbacks.EarlyStopping("val_a_b_loss", mode="min", patience=50)
    model = compiled()
    model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[stop])
    assert stop.best != 0.0


@pytest.mark.parametrize("names", [("a",), ("a", "a_b")])
@pytest.mark.parametrize("eagerly", [False, True])
def test_without_any_label_nothing_looks_perfect(names, eagerly):
    x, y = rows()
    model = compiled(names, run_eagerly=eagerly)
    nothing = {name: np.full(8, np.nan, "float32") for name in names}
    labelled = dict.fromkeys(names, y["a"])
    history = model.fit(x, labelled, validation_data=(x, nothing), verbose=0).history
    assert all(math.isnan(values[-1]) == name.startswith("val_") for name, values in history.items())
    stop = keras.callbacks.EarlyStopping("val_loss", mode="min", patience=0)
    history = model.fit(
        x, labelled, validation_data=(x, nothing), epochs=3, callbacks=[stop], verbose=0
    ).history
    assert all(value != 0 for values in history.values() for value in values)
