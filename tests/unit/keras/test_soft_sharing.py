import keras
import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.keras import SoftSharingLayer


def tower(units, width=8):
    layers = [
        keras.layers.Dense(width, activation="relu"),
        keras.layers.Dense(width),
        keras.layers.Dense(units),
    ]
    return keras.Sequential([keras.Input((4,)), *layers])


def test_the_penalty_is_the_squared_distance_to_the_mean_of_what_matches():
    first, second = tower(10), tower(1)
    sharing = SoftSharingLayer([first, second], strength=0.1)
    assert sharing.matches == [
        (a.name, b.name) for a, b in zip(first.layers[:2], second.layers[:2], strict=True)
    ]
    pairs = zip(first.get_weights()[:4], second.get_weights()[:4], strict=True)
    expected = 0.1 * sum(float(((a - b) ** 2).sum()) / 2 for a, b in pairs)
    assert float(sharing.penalty()) == pytest.approx(expected, rel=1e-5)


def test_a_strong_penalty_draws_the_towers_together_and_survives_a_file(tmp_path):
    x, y = np.ones((16, 4), "float32"), {"a": np.ones((16, 1)), "b": np.zeros((16, 1))}

    def trained(strength):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        a, b = SoftSharingLayer([tower(1), tower(1)], strength, name="soft")(inputs)
        model = keras.Model(inputs, {"a": a, "b": b})
        model.compile(keras.optimizers.Adam(0.01), {"a": "mse", "b": "mse"})
        model.fit(x, y, epochs=30, verbose=0)
        return model

    model = trained(1.0)
    soft = model.get_layer("soft")
    assert float(soft.penalty()) < 0.2 * float(
        SoftSharingLayer(trained(0.0).get_layer("soft").models, 1.0).penalty()
    )
    model.save(tmp_path / "soft.keras")
    again = keras.models.load_model(tmp_path / "soft.keras")
    np.testing.assert_array_equal(again(x)["a"], model(x)["a"])
    assert again.get_layer("soft").matches == soft.matches


def test_nothing_in_common_is_an_error():
    with pytest.raises(InvalidArgumentError, match="no layers that match"):
        SoftSharingLayer([tower(1, 8), tower(2, 9)])
    with pytest.raises(InvalidArgumentError, match="two or more models"):
        SoftSharingLayer([tower(1)])
    with pytest.raises(InvalidArgumentError, match="strength"):
        SoftSharingLayer([tower(1), tower(1)], strength=-1.0)
