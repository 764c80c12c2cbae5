import keras
import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import ConfigError, InvalidArgumentError
from cotrain.keras import MultiTaskModel
from cotrain.keras._backend import check_backend

from .networks import X, Y, compiled, labels, network


def test_equal_weights_are_what_keras_does():
    model = compiled(balancing.Equal(), keras.optimizers.SGD(0.1))
    plain = keras.Model(model.input, model.output)
    plain = keras.models.clone_model(plain)
    plain.set_weights(model.get_weights())
    plain.compile(keras.optimizers.SGD(0.1), {"a": "mse", "b": "mse"})
    ours = model.fit(X, labels(), epochs=2, batch_size=8, shuffle=False, verbose=0).history
    theirs = plain.fit(X, labels(), epochs=2, batch_size=8, shuffle=False, verbose=0).history
    for name in ("a_loss", "b_loss", "loss"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    for first, second in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_models_that_share_nothing_weigh_by_the_preference():
    inputs = keras.Input((5,))
    outputs = {task: keras.layers.Dense(1)(keras.layers.Dense(4)(inputs)) for task in ("a", "b")}
    model = MultiTaskModel(inputs, outputs, balancer=balancing.UPGrad(), preference={"a": 3.0, "b": 1.0})
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(X, labels())
    assert model.task_weights == pytest.approx({"a": 1.5, "b": 0.5})


def test_saved_and_loaded_it_has_the_weights_the_state_and_the_optimiser(tmp_path):
    model = compiled(
        balancing.Every(balancing.Smoothed(balancing.NashMTL()), k=2), preference={"a": 1, "b": 2}
    )
    model.fit(X, labels(), epochs=1, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.balancer.state_dict() == model.balancer.state_dict()
    assert repr(again.balancer) == repr(model.balancer)
    model.train_on_batch(X, labels())
    again.train_on_batch(X, labels())
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_state_of_other_tasks_is_refused(tmp_path):
    model = compiled(balancing.FAMO())
    model.save_weights(tmp_path / "m.weights.h5")
    other = compiled(balancing.FAMO(), tasks=["b", "a"])
    with pytest.raises(ValueError, match="belongs to the tasks"):  # Keras wraps what loading raises
        other.load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: network(balancing.SDMGrad()), "several independent batches"),
        (lambda: network("upgrad"), "must be a balancing method"),
        (lambda: network(tasks=["aa"]), "did you mean 'a'"),
        (lambda: network(source="ghst"), "did you mean 'ghost'"),
        (lambda: network(preference={"a": 1.0}), "lacks the tasks"),
        (lambda: network().compile("sgd", {"a": "mse"}), "no loss for"),
        (lambda: network().compile("sgd", "mse", jit_compile=True), "jit_compile"),
        (lambda: network().compile("sgd", keras.losses.MeanSquaredError(reduction="sum")), "reduction='sum'"),
        (lambda: compiled().train_on_batch(X, {"c": Y[:, 0]}), "y has a key 'c'"),
        (lambda: compiled(loss=lambda y, p: keras.ops.mean(p)).train_on_batch(X, labels()), "one per row"),
    ],
)
def test_mistakes_are_answered_with_a_sentence(make, words):
    with pytest.raises(InvalidArgumentError, match=words):
        make()


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="KERAS_BACKEND=tensorflow"):
        check_backend()
