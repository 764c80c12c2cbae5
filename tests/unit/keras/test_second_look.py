import keras
import numpy as np

from cotrain.balancing import FAMO, Equal
from cotrain.keras import MultiTaskModel


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
