import keras
import numpy as np
import pytest

from cotrain import balancing

from .networks import X, Y, compiled, labels, weights


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


@pytest.mark.parametrize("balancer", [balancing.UPGrad, balancing.MGDA], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("n_rows", [1, 32])
def test_every_source_of_gradients_does_the_same_step(balancer, n_rows):
    done = []
    for source in ("exact", "ghost", "auto"):
        model = compiled(balancer(), keras.optimizers.SGD(0.1), source=source)
        model.train_on_batch(X[:n_rows], {name: y[:n_rows] for name, y in labels().items()})
        done.append((model.task_weights, model.get_weights()))
    for task_weights, values in done[1:]:
        assert task_weights == pytest.approx(done[0][0], rel=1e-4, abs=1e-5)
        for first, second in zip(values, done[0][1], strict=True):
            np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("balancer", [balancing.Equal, balancing.UPGrad], ids=lambda cls: cls.__name__)
def test_a_penalty_is_added_at_weight_one_even_where_no_task_has_a_label(balancer):
    keras.utils.set_random_seed(0)
    model = compiled(balancer(), keras.optimizers.SGD(0.1))
    trunk = model.get_layer("trunk")
    trunk.kernel.regularizer = keras.regularizers.L2(0.5)
    before = weights(model, "trunk")[0]
    nothing = np.full(32, np.nan, "float32")
    model.train_on_batch(X, labels(nothing, nothing))
    np.testing.assert_allclose(weights(model, "trunk")[0], before - 0.1 * 2 * 0.5 * before, rtol=1e-5)
