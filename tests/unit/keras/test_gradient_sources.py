import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain.keras._dense import at_preactivation, dense_taps
from cotrain.keras._forward import Forward
from cotrain.keras._gradient_sources import (
    ExactStepGradients,
    GhostStepGradients,
    pair_products,
    weighted_sums,
)
from cotrain.keras._variable_groups import group_variables


def passed(n_tasks=2, n_rows=4, *, factors=None, absent=()):
    """A trunk of two layers, one of which is tapped, with a forward pass and the literal Jacobian."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,), dtype="float64")
    hidden = keras.layers.Dense(4, activation="tanh", name="tapped", dtype="float64")(inputs)
    hidden = keras.layers.Dense(3, activation="gelu", name="rest", dtype="float64")(hidden)
    heads = [keras.layers.Dense(1, name=f"head_{k}", dtype="float64")(hidden) for k in range(n_tasks)]
    model = keras.Model(inputs, heads)
    taps = [tap for tap in dense_taps(model) if tap.layer.name == "tapped"]
    tapped = keras.Model(model.input, [model.outputs, [t.input for t in taps], [t.output for t in taps]])
    x = tf.constant(np.random.default_rng(2).normal(size=(n_rows, 3)))
    factors = [1.0] * n_tasks if factors is None else factors
    with tf.GradientTape(persistent=True) as tape:
        outputs, a, y = tapped(x)
        losses = [
            None if k in absent else tf.reduce_mean(tf.square(outputs[k] - k)) * factors[k]
            for k in range(n_tasks)
        ]
    plan = group_variables(
        tape, model.trainable_variables, outputs, None if n_tasks > 1 else shared_of(model)
    )
    rows = [None if loss is None else tape.gradient(loss, plan.variables) for loss in losses]
    zeros = tf.zeros(n_tasks, tf.float64)
    forward = Forward(tape, tuple(losses), zeros, zeros == 0, None, tuple(a), tuple(y))
    return forward, plan, taps, rows


def shared_of(model):
    return {id(v) for name in ("tapped", "rest") for v in model.get_layer(name).trainable_variables}


def jacobian_of(rows, plan):
    n_shared = len(plan.shared)
    size = sum(int(np.prod(v.shape)) for v in plan.shared)
    return np.stack(
        [
            np.zeros(size) if row is None else np.concatenate([np.ravel(g) for g in row[:n_shared]])
            for row in rows
        ]
    )


def made(kind, forward, plan, taps, scale=1.0):
    scale = tf.constant(scale, tf.float64)
    if kind == "exact":
        return ExactStepGradients(forward, plan, scale)
    return GhostStepGradients(forward, plan, scale, taps, at_preactivation)


@pytest.mark.parametrize("kind", ["exact", "ghost"])
@pytest.mark.parametrize(
    ("n_tasks", "n_rows", "absent"), [(1, 4, ()), (2, 1, ()), (3, 5, (1,)), (8, 2, (0,))]
)
def test_gramian_and_sums_are_those_of_one_backward_pass_per_task(kind, n_tasks, n_rows, absent):
    forward, plan, taps, rows = passed(n_tasks, n_rows, absent=absent)
    gradients = made(kind, forward, plan, taps, scale=4.0)
    jacobian = 4.0 * jacobian_of(rows, plan)
    np.testing.assert_allclose(gradients.gramian(), jacobian @ jacobian.T, rtol=1e-10, atol=1e-12)
    weights_K = np.linspace(0.5, 2.0, n_tasks)
    combined = np.concatenate([np.ravel(g) for g in gradients.combined(tf.constant(weights_K))])
    np.testing.assert_allclose(combined, weights_K @ jacobian, rtol=1e-10, atol=1e-12)
    own = gradients.own(tf.constant(weights_K))
    for place, variable in enumerate(plan.own):
        (k,) = plan.reach[place]
        expected = 0 * variable if k in absent else 4.0 * weights_K[k] * rows[k][len(plan.shared) + place]
        np.testing.assert_allclose(own[place], expected, rtol=1e-10, atol=1e-12)


def test_the_jacobian_has_a_row_per_task_and_an_update_is_split_into_the_same_places():
    forward, plan, taps, rows = passed(3, absent=(2,))
    exact = made("exact", forward, plan, taps)
    jacobian = exact.jacobian()
    np.testing.assert_allclose(jacobian, jacobian_of(rows, plan), rtol=1e-12)
    for part, grad in zip(exact.split(jacobian[1]), rows[1][: len(plan.shared)], strict=True):
        np.testing.assert_allclose(part, grad, rtol=1e-12)
    ghost = made("ghost", forward, plan, taps)
    with pytest.raises(NotImplementedError):
        ghost.jacobian()
    with pytest.raises(NotImplementedError):
        ghost.split(jacobian[0])


@pytest.mark.parametrize("kind", ["exact", "ghost"])
def test_a_task_whose_own_gradients_are_not_finite_is_told_from_the_others(kind):
    forward, plan, taps, _ = passed(3, factors=[1.0, np.inf, 1.0], absent=(2,))
    gradients = made(kind, forward, plan, taps)
    assert gradients.healthy().numpy().tolist() == [True, False, True]
    weights_K = tf.constant([2.0, 0.0, 1.0], tf.float64)
    assert all(np.isfinite(g).all() for g in [*gradients.combined(weights_K), *gradients.own(weights_K)])


@pytest.mark.parametrize("n_tasks", [1, 3, 6, 7, 40])
def test_pair_products_are_the_inner_products_of_all_pairs(n_tasks):
    random = np.random.default_rng(n_tasks)
    row = [None if k % 3 == 1 else random.normal(size=(2, 3)) for k in range(n_tasks)]
    got = pair_products([None if g is None else tf.constant(g) for g in row]).numpy()
    assert got.shape == (n_tasks, n_tasks)
    for i, first in enumerate(row):
        for j, second in enumerate(row):
            expected = 0.0 if first is None or second is None else float((first * second).sum())
            assert got[i, j] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_nobody_has_a_gradient_of_a_variable():
    variable = tf.Variable([1.0, 2.0])
    assert not pair_products([None, None]).numpy().any()
    (total,) = weighted_sums([[None], [None]], tf.constant([1.0, 2.0]), [variable])
    np.testing.assert_array_equal(total, [0.0, 0.0])
