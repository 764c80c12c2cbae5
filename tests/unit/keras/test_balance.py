import keras
import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import InvalidArgumentError
from cotrain.keras import MultiTaskModel, balance

from .networks import X, Y


def test_balance_takes_the_layers_of_a_functional_model():
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4)(inputs)
    plain = keras.Model(inputs, [keras.layers.Dense(1, name="a")(x), keras.layers.Dense(1, name="b")(x)])
    model = balance(plain, balancer=balancing.UPGrad())
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(X, [Y[:, 0], Y[:, 1]])
    np.testing.assert_array_equal(plain(X)[0], model(X)["a"])
    with pytest.raises(InvalidArgumentError, match="functional"):
        balance(keras.layers.Dense(1))


def functional(outputs):
    inputs = keras.Input((5,))
    return keras.Model(inputs, outputs(keras.layers.Dense(4, name="trunk")(inputs)))


def test_a_dict_of_outputs_keeps_its_keys_and_the_layers_are_the_same_objects():
    plain = functional(lambda x: {name: keras.layers.Dense(1, name=f"head_{name}")(x) for name in "ab"})
    model = balance(plain)
    assert model.tasks == ("a", "b")
    assert model.get_layer("trunk") is plain.get_layer("trunk")
    assert {id(v) for v in model.trainable_variables} == {id(v) for v in plain.trainable_variables}


def test_one_output_is_one_task():
    model = balance(functional(keras.layers.Dense(1, name="only")), balancer=balancing.UPGrad())
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(X[:1], Y[:1, 0])
    assert model.tasks == ("only",)
    assert model.task_weights == {"only": pytest.approx(1.0)}


def test_every_argument_reaches_the_model():
    options = {
        "tasks": ["b", "a"],
        "balancer": balancing.MGDA(),
        "shared": ["trunk"],
        "preference": {"a": 1.0, "b": 3.0},
        "reference_losses": {"a": 2.0, "b": 0.5},
        "source": "exact",
    }
    model = balance(functional(lambda x: [keras.layers.Dense(1)(x) for _ in "ab"]), **options)
    assert isinstance(model, MultiTaskModel)
    for name, value in options.items():
        got = getattr(model, name)
        assert (list(got) if name == "tasks" else got) == value, name
