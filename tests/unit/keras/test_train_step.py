import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain._base import InvalidArgumentError
from cotrain.balancing import FAMO, Equal
from cotrain.keras import MultiTaskModel
from cotrain.keras._numpy_bridge import BalancerBridge
from cotrain.keras._train_step import BalancedTrainStep


def fitted(balancer):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(8, activation="relu")(inputs))
    x = keras.layers.Dropout(0.5)(x)
    outputs = {task: keras.layers.Dense(1, name=task)(x) for task in "ab"}
    model = MultiTaskModel(inputs, outputs, balancer=balancer)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    random = np.random.default_rng(0)
    data = random.normal(size=(24, 4)), {task: random.normal(size=(24, 1)) for task in "ab"}
    model.fit(*data, batch_size=8, shuffle=False, verbose=0)
    return model


def test_what_changes_between_the_looks_is_the_update_alone():
    balancer = FAMO()
    seen = []
    first, after = balancer.weights, balancer.observe_update
    balancer.weights = lambda losses, *rest: seen.append(("first", np.array(losses))) or first(losses, *rest)
    balancer.observe_update = lambda losses: seen.append(("again", np.array(losses))) or after(losses)
    fitted(balancer)
    assert [what for what, _ in seen] == ["first", "again"] * 3
    for (_, before), (_, again) in zip(seen[::2], seen[1::2], strict=True):
        # At a learning rate of 0 nothing moves: dropout must have drawn the same.
        np.testing.assert_allclose(again, before, rtol=1e-6)


def test_running_statistics_see_a_batch_once():
    looking, plain = (fitted(balancer).get_layer("norm") for balancer in (FAMO(), Equal()))
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(getattr(looking, name), getattr(plain, name), rtol=1e-6)


def step(tasks=("a", "b"), outputs=("b", "a", "c")):
    return BalancedTrainStep(tasks, outputs, BalancerBridge(Equal(), tasks, None, None), "auto", "auto")


def test_a_batch_is_sorted_by_task_whatever_form_it_has():
    x, one, two = np.ones((2, 3)), np.array([1.0, np.nan]), np.array([3, 4])
    by_name = step().read((x, {"a": one, "b": two}, {"a": [1.0, 2.0]}))
    by_place = step().read((x, [two, one, None], [None, [1.0, 2.0], None]))
    for batch in (by_name, by_place):
        assert batch.labels["a"].mask.numpy().tolist() == [True, False]
        assert batch.labels["b"].targets.numpy().tolist() == [3, 4]
        assert batch.weights == {"a": [1.0, 2.0]}
    assert step().read((x,)).labels == {}
    assert step().read((x, None)).weights == {}


def test_only_tasks_with_a_column_have_a_sum_of_losses():
    machine = step()
    machine.set_losses({"a": "mse", "b": "mae"}, {"b": 2.0})
    outputs = {"a": tf.constant([[1.0], [2.0]]), "b": tf.constant([[0.0], [0.0]])}
    (part,) = machine.sums(machine.read((None, {"b": np.array([3.0, np.nan])})), outputs).items()
    assert (part[0], float(part[1].total), float(part[1].count)) == (1, 3.0, 1.0)
    assert machine.losses["b"].weight == 2.0
    assert machine.losses["a"].weight == 1.0
    assert machine.sums(machine.read((None, None)), outputs) == {}


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_factors_on_the_losses_are_positive_numbers(weight):
    with pytest.raises(InvalidArgumentError, match=f"must be positive, got {weight!r} for task 'b'"):
        step().set_losses("mse", {"b": weight})


def test_each_task_needs_a_loss():
    with pytest.raises(InvalidArgumentError, match=r"has no loss for \['b'\]"):
        step().set_losses({"a": "mse"}, None)
