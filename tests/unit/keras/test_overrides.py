import keras
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, UPGrad
from cotrain.keras import MultiTaskModel, balance
from cotrain.keras._overrides import own_ways

METHODS = ("call", "compute_loss", "compute_metrics", "predict_step", "test_step", "train_step")


def parts():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3)(inputs)
    return inputs, {name: keras.layers.Dense(1, name=name)(hidden) for name in ("a", "b")}


@pytest.mark.parametrize("method", METHODS)
def test_balance_refuses_what_it_would_drop_and_names_it(method):
    own = type("Own", (keras.Model,), {method: lambda self, *arguments, **named: None})
    model = own(*parts()) if method != "call" else type("Own", (own,), {"output_names": ["a"]})()
    with pytest.raises(InvalidArgumentError, match=f"Own has its own {method}, which would be lost"):
        balance(model)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_between_counts_as_well(method):
    middle = type("Middle", (keras.Model,), {method: lambda self, *arguments, **named: None})
    assert own_ways(type("Last", (middle,), {}), keras.Model) == [method]


def test_a_plain_functional_model_has_no_ways_of_its_own():
    assert balance(keras.Model(*parts())).tasks == ("a", "b")
    assert balance(MultiTaskModel(*parts(), balancer=Equal())).tasks == ("a", "b")


def test_a_subclass_with_a_call_is_refused_with_the_cure():
    own = type("Own", (MultiTaskModel,), {"call": lambda self, inputs: inputs})
    with pytest.raises(InvalidArgumentError, match="Own has a call of its own.*leave call out"):
        own(*parts())


def test_a_copy_made_of_the_configuration_keeps_the_balancer():
    model = MultiTaskModel(*parts(), balancer=UPGrad())
    copy = MultiTaskModel.from_config(model.get_config())
    assert type(copy.balancer) is UPGrad
    assert copy.tasks == model.tasks
    # As the documentation says: Keras' own copy is a plain functional model.
    assert type(keras.models.clone_model(model)) is not MultiTaskModel
