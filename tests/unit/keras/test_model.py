import keras
import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import ConfigError, InvalidArgumentError, RunError
from cotrain.keras import Entrywise, MultiTaskModel, balance
from cotrain.keras._backend import check_backend

X = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
Y = np.random.default_rng(1).normal(size=(32, 2)).astype("float32")


def network(balancer=None, **options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(8, activation="relu", name="trunk")(inputs)
    outputs = {"a": keras.layers.Dense(1, name="head_a")(x), "b": keras.layers.Dense(1, name="head_b")(x)}
    return MultiTaskModel(inputs, outputs, balancer=balancer, **options)


def compiled(balancer=None, optimizer="adam", loss="mse", run_eagerly=True, **options):
    model = network(balancer, **options)
    model.compile(optimizer, loss, run_eagerly=run_eagerly, metrics={"a": ["mae"], "b": ["mae"]})
    return model


def weights(model, name):
    return [np.array(w) for w in model.get_layer(name).get_weights()]


def labels(a=None, b=None):
    return {"a": Y[:, 0] if a is None else a, "b": Y[:, 1] if b is None else b}


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


def test_a_missing_label_is_as_if_the_row_were_not_there():
    a = Y[:, 0].copy()
    a[16:] = np.nan
    by_nan = compiled(optimizer=keras.optimizers.SGD(0.1))
    by_weight = compiled(optimizer=keras.optimizers.SGD(0.1))
    nan = by_nan.train_on_batch(X, labels(a), return_dict=True)
    given = {"a": np.repeat([1.0, 0.0], 16), "b": np.ones(32)}
    weighted = by_weight.train_on_batch(X, labels(), sample_weight=given, return_dict=True)
    expected = float(np.mean((network().predict(X[:16], verbose=0)["a"][:, 0] - Y[:16, 0]) ** 2))
    assert nan["a_loss"] == pytest.approx(expected, rel=1e-5)
    assert nan == pytest.approx(weighted, rel=1e-5)
    assert nan["a_mae"] == pytest.approx(
        float(np.mean(np.abs(network().predict(X[:16], verbose=0)["a"][:, 0] - Y[:16, 0]))), rel=1e-5
    )
    for first, second in zip(by_nan.get_weights(), by_weight.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


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


@pytest.mark.parametrize("balancer", [balancing.Equal, balancing.UPGrad, balancing.GradDrop])
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_task_whose_loss_is_not_finite_is_left_out_and_counted(balancer, run_eagerly):
    def broken(y_true, y_pred):
        return keras.ops.log(keras.ops.sum(y_pred * 0, axis=-1) - 1)

    sick = compiled(balancer(), "adam", {"a": broken, "b": "mse"}, run_eagerly)
    well = compiled(balancer(), "adam", "mse", run_eagerly)
    sick.train_on_batch(X, labels())
    well.train_on_batch(X, {"b": Y[:, 1]})
    assert sick.skipped == {"a": 1, "b": 0}
    assert sick.task_weights["a"] == 0 or balancer is balancing.GradDrop
    for first, second in zip(sick.get_weights(), well.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


def test_a_gradient_that_is_not_finite_beside_a_finite_loss_is_left_out_of_one_pass():
    def root(y_true, y_pred):
        return keras.ops.sqrt(keras.ops.sum(y_pred * 0, axis=-1))

    sick = compiled(balancing.Equal(), "sgd", {"a": root, "b": "mse"})
    sick.train_on_batch(X, labels())
    assert sick.skipped == {"a": 1, "b": 0}
    assert all(np.isfinite(w).all() for w in sick.get_weights())


def test_heads_stay_at_the_preference_between_the_solves_of_a_gradient_method():
    model = compiled(balancing.Every(balancing.NashMTL(), k=3), keras.optimizers.SGD(0.1))
    trunk = keras.Model(model.input, model.get_layer("trunk").output)
    for _ in range(5):  # two solves, and the steps between and after them
        hidden, error = trunk(X).numpy(), model(X)["a"].numpy()[:, 0] - Y[:, 0]
        before = weights(model, "head_a")[0]
        model.train_on_batch(X, {"a": Y[:, :1], "b": Y[:, 1:2]})
        step = 0.1 * 2 * hidden.T @ error[:, None] / len(X)  # of the mean squared error, at weight 1
        np.testing.assert_allclose(weights(model, "head_a")[0], before - step, rtol=1e-4, atol=1e-6)
        assert model.task_weights["a"] != pytest.approx(1, rel=1e-3)


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


def test_a_file_can_only_name_known_balancers():
    config = network(balancing.UPGrad()).get_config()
    config["balancer"] = {"class": "os:system", "parameters": {}}
    with pytest.raises(RunError, match="os:system"):
        MultiTaskModel.from_config(config)


def test_state_of_other_tasks_is_refused(tmp_path):
    model = compiled(balancing.FAMO())
    model.save_weights(tmp_path / "m.weights.h5")
    other = compiled(balancing.FAMO(), tasks=["b", "a"])
    with pytest.raises(ValueError, match="belongs to the tasks"):  # Keras wraps what loading raises
        other.load_weights(tmp_path / "m.weights.h5")


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


def test_half_precision_overflow_is_left_to_the_loss_scale():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = compiled(balancing.GradVac(), "adam", run_eagerly=False)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.train_on_batch(X, labels())
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before, state = model.get_weights(), model.balancer.state_dict()
    scale = float(model.optimizer.dynamic_scale)
    model.train_on_batch(X, labels(Y[:, 0] * 1e4))
    assert float(model.optimizer.dynamic_scale) == scale / 2
    assert model.balancer.state_dict() == state
    assert model.skipped == {"a": 0, "b": 0}
    assert all(np.array_equal(p, q) for p, q in zip(before, model.get_weights(), strict=True))


def test_validation_losses_and_epochs_reach_the_balancer():
    class Listener(balancing.LossRule):
        observes_validation = True

        def __init__(self):
            super().__init__()
            self.heard = []

        def _rule(self, xp, losses_K, active_K):
            return xp.ones_like(losses_K)

        def observe_validation(self, losses):
            self.heard.append(losses.shape)

        def end_epoch(self):
            self.heard.append("end")

    model = compiled(Listener())
    model.fit(X, labels(), epochs=2, validation_data=(X, labels()), verbose=0)
    assert model.balancer.heard == [(2,), "end", (2,), "end"]


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
