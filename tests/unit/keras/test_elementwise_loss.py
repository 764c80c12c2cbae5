import keras
import numpy as np
import pytest

from cotrain.keras import Entrywise, MultiTaskModel

from .networks import X


def test_entries_of_a_row_may_be_missing():
    inputs = keras.Input((5,))
    outputs = {"m": keras.layers.Dense(3, activation="sigmoid")(inputs)}
    model = MultiTaskModel(inputs, outputs)
    model.compile(
        "sgd", {"m": Entrywise("binary_crossentropy")}, metrics={"m": ["binary_accuracy"]}, run_eagerly=True
    )
    y = (np.random.default_rng(2).random((32, 3)) < 0.5).astype("float32")
    y[:16, 0] = np.nan
    there = ~np.isnan(y)
    p = model(X).get("m").numpy()
    expected = -np.log(np.where(np.nan_to_num(y) > 0.5, p, 1 - p))[there].mean()
    logs = model.train_on_batch(X, y, return_dict=True)
    assert logs["m_loss"] == pytest.approx(expected, rel=1e-4)
    accuracy = float(logs["binary_accuracy" if "binary_accuracy" in logs else "m_binary_accuracy"])
    assert accuracy == pytest.approx(np.mean(((p > 0.5) == (y > 0.5))[there]), rel=1e-5)


@pytest.mark.parametrize("loss", ["mae", keras.losses.mean_absolute_error, keras.losses.MeanAbsoluteError()])
def test_each_entry_has_its_own_loss_however_the_loss_is_named(loss):
    y_true, y_pred = np.array([[1.0, 2.0], [0.0, 5.0]]), np.array([[1.5, 0.0], [1.0, 5.0]])
    values = np.array(Entrywise(loss).call(y_true, y_pred))
    for row in range(2):
        for entry in range(2):
            assert values[row, entry] == pytest.approx(abs(y_true[row, entry] - y_pred[row, entry]))


@pytest.mark.parametrize("loss", ["mse", keras.losses.BinaryCrossentropy(label_smoothing=0.3)])
def test_it_survives_its_configuration_with_the_options_of_what_is_inside(loss):
    entrywise = Entrywise(loss, name="entries")
    again = keras.losses.deserialize(keras.losses.serialize(entrywise))
    assert type(again) is Entrywise
    assert again.name == "entries"
    y_true, y_pred = np.array([[0.0, 1.0, 1.0]]), np.array([[0.1, 0.7, 0.4]])
    np.testing.assert_allclose(again.call(y_true, y_pred), entrywise.call(y_true, y_pred))
