import keras
import pytest
import tensorflow as tf

from cotrain import balancing
from cotrain._base import InvalidArgumentError
from cotrain.keras._variable_groups import chosen_variables, group_variables

from .networks import X, compiled, labels, network


def test_layers_can_be_named_and_their_variables_are_the_shared_ones():
    model = compiled(balancing.UPGrad(), shared=["trunk"])
    model.train_on_batch(X, labels())
    plan = next(iter(model._machine._plans.values()))
    assert [v.path.split("/")[0] for v in plan.shared] == ["trunk", "trunk"]
    auto = compiled(balancing.UPGrad())
    auto.train_on_batch(X, labels())
    assert [v.path for v in next(iter(auto._machine._plans.values())).shared] == [v.path for v in plan.shared]
    with pytest.raises(InvalidArgumentError, match="'trnk', which is not in the model"):
        compiled(balancing.UPGrad(), shared=["trnk"]).train_on_batch(X, labels())


def grouped(model, names=("a", "b"), shared="auto"):
    with tf.GradientTape(persistent=True) as tape:
        outputs = model(X[:1])
    chosen = chosen_variables(model, shared)
    return group_variables(tape, model.trainable_variables, [outputs[name] for name in names], chosen)


def paths(variables):
    return [v.path for v in variables]


def test_what_several_outputs_depend_on_is_shared_and_the_rest_knows_its_tasks():
    inputs = keras.Input((5,))
    trunk = keras.layers.Dense(3, use_bias=False, name="trunk")(inputs)
    pair = keras.layers.Dense(3, use_bias=False, name="pair")(trunk)
    outputs = {
        "a": keras.layers.Dense(1, use_bias=False, name="head_a")(pair),
        "b": keras.layers.Dense(1, use_bias=False, name="head_b")(pair),
        "c": keras.layers.Dense(1, use_bias=False, name="head_c")(trunk),
    }
    groups = grouped(keras.Model(inputs, outputs), "cab")
    assert paths(groups.shared) == ["trunk/kernel", "pair/kernel"]
    assert groups.reach_shared == (frozenset({0, 1, 2}), frozenset({1, 2}))
    reach = dict(zip(paths(groups.own), groups.reach, strict=True))
    assert reach == {"head_a/kernel": {1}, "head_b/kernel": {2}, "head_c/kernel": {0}}
    assert paths(groups.variables) == paths(groups.shared) + paths(groups.own)


def test_one_task_shares_with_nobody_and_an_output_without_a_task_reaches_nothing():
    groups = grouped(network(), ["a"])
    assert groups.shared == ()
    reach = dict(zip(paths(groups.own), groups.reach, strict=True))
    assert reach["trunk/kernel"] == {0}
    assert reach["head_b/kernel"] == frozenset()


def test_layers_may_be_chosen_as_objects_and_what_is_frozen_is_not_among_their_variables():
    model = network()
    trunk, head = model.get_layer("trunk"), model.get_layer("head_a")
    assert chosen_variables(model, "auto") is None
    assert chosen_variables(model, []) == set()
    assert chosen_variables(model, [trunk, "head_a"]) == {
        id(v) for layer in (trunk, head) for v in layer.trainable_variables
    }
    trunk.trainable = False
    assert chosen_variables(model, [trunk]) == set()
    groups = grouped(network(), shared=["head_a"])
    assert paths(groups.shared) == ["head_a/kernel", "head_a/bias"]
    assert groups.reach_shared == (frozenset({0}), frozenset({0}))


def test_another_word_than_auto_is_refused():
    with pytest.raises(InvalidArgumentError, match="shared='trunk'.*must be 'auto' or a list"):
        chosen_variables(network(), "trunk")
