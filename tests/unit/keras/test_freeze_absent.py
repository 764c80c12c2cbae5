import keras
import numpy as np
import pytest

from cotrain import balancing
from cotrain.keras import MultiTaskModel

from .networks import X, Y, compiled, labels, weights


@pytest.mark.parametrize("balancer", [balancing.Equal, balancing.UPGrad, balancing.MoCo])
@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("how", ["nan", "no key"])
def test_nothing_of_an_absent_task_moves(balancer, run_eagerly, how):
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    model = compiled(balancer(), optimizer, run_eagerly=run_eagerly)
    model.train_on_batch(X, labels())  # momentum that would go on
    before, slots = weights(model, "head_a"), [np.array(v) for v in optimizer.variables if "head_a" in v.path]
    trunk, other = weights(model, "trunk"), weights(model, "head_b")
    y = labels(np.full(32, np.nan, "float32")) if how == "nan" else {"b": Y[:, 1]}
    model.train_on_batch(X, y)
    after = [np.array(v) for v in optimizer.variables if "head_a" in v.path]
    assert len(slots) == 4
    assert all(np.array_equal(p, q) for p, q in zip(before, weights(model, "head_a"), strict=True))
    assert all(np.array_equal(p, q) for p, q in zip(slots, after, strict=True))
    assert not np.array_equal(trunk[0], weights(model, "trunk")[0])
    assert not np.array_equal(other[0], weights(model, "head_b")[0])


def test_a_batch_without_any_label_changes_nothing():
    model = compiled(balancing.GradVac(), "adam")
    model.train_on_batch(X, labels())
    before, state = model.get_weights(), model.balancer.state_dict()
    nothing = np.full(32, np.nan, "float32")
    model.train_on_batch(X, labels(nothing, nothing))
    assert all(np.array_equal(p, q) for p, q in zip(before, model.get_weights(), strict=True))
    assert model.balancer.state_dict() == state


def head(name):
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.Dense(1, name="out")(inputs), name=name)


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, lambda: keras.optimizers.SGD(0.1, 0.9)])
@pytest.mark.parametrize("absent", ["a", "b"])
def test_heads_with_layers_of_one_name_are_told_apart(optimizer, absent):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(8)(inputs)
    model = MultiTaskModel(inputs, {name: head(f"head_{name}")(x) for name in "ab"})
    model.compile(optimizer(), "mse", run_eagerly=True)
    model.train_on_batch(X, labels())
    assert len({v.path for v in model.trainable_variables}) < len(model.trainable_variables)

    def momentum(name):
        kernel = model.get_layer(f"head_{name}").get_layer("out").kernel
        slots = getattr(model.optimizer, "momentums", None) or model.optimizer._momentums
        return np.array(slots[model.optimizer._get_variable_index(kernel)])

    before = {name: momentum(name) for name in "ab"}
    model.train_on_batch(X, {name: y for name, y in labels().items() if name != absent})
    for name in "ab":
        assert np.array_equal(before[name], momentum(name)) == (name == absent)
