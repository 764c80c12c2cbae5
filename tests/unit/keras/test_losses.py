import keras
import numpy as np
import pytest
import tensorflow as tf

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, UPGrad
from cotrain.keras import MultiTaskModel
from cotrain.keras._losses import TaskLoss, by_task, full_precision, read_labels, sentences

from .networks import X, Y, compiled, labels, network


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


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy(from_logits=True)]
)
def test_labels_that_are_no_class_numbers_are_named_in_one_sentence(label, loss, eagerly):
    inputs = keras.Input((4,))
    model = MultiTaskModel(inputs, {"kind": keras.layers.Dense(3)(inputs)}, balancer=Equal())
    model.compile("sgd", {"kind": loss}, run_eagerly=eagerly)
    x, y = np.ones((4, 4)), {"kind": np.array([0, 1, 2, label])}
    ways = [
        lambda: model.fit(x, y, verbose=0),
        lambda: model.fit(x, {"kind": np.array([0, 1, 2, 0])}, validation_data=(x, y), verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model.test_on_batch(x, y),
    ]
    for way in ways:
        with pytest.raises(InvalidArgumentError, match="'kind' must be class numbers from 0 to 2") as caught:
            way()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("balancer", [Equal, UPGrad])
def test_what_stands_where_a_row_does_not_count_is_no_label(shape, eagerly, balancer):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5)(inputs)
    heads = {"kind": keras.layers.Dense(3)(hidden), "size": keras.layers.Dense(1)(hidden)}
    x = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    figures, start = [], None
    for label in (0, -1, 99):
        model = MultiTaskModel(inputs, heads, balancer=balancer())
        start = start or model.get_weights()
        model.set_weights(start)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = {"kind": ["sparse_categorical_accuracy"]}
        model.compile("sgd", {"kind": loss, "size": "mse"}, metrics=metrics, run_eagerly=eagerly)
        y = {"kind": np.array([0, 1, 2, label]).reshape(shape), "size": np.ones(4)}
        weights = {"kind": np.array([1.0, 2.0, 1.0, 0.0]), "size": np.ones(4)}
        model.fit(x, y, sample_weight=weights, verbose=0)
        figures.append(
            [*model.evaluate(x, y, sample_weight=weights, verbose=0), *model.get_weights()[0].ravel()]
        )
    for other in figures[1:]:
        np.testing.assert_allclose(other, figures[0], rtol=1e-6)


def total_and_count(loss, y, output, sample_weight=None):
    part = TaskLoss("a", loss, 1.0).sum(read_labels(np.array(y)), tf.constant(output), sample_weight)
    return float(part.total), float(part.count)


def test_the_sum_runs_over_the_labelled_rows_and_so_does_the_count():
    y, output = [1.0, np.nan, 3.0, np.nan], [[0.0], [9.0], [5.0], [9.0]]
    assert total_and_count("mse", y, output) == (1.0 + 4.0, 2.0)
    assert total_and_count("mse", [np.nan], [[9.0]]) == (0.0, 0.0)


def test_sample_weights_scale_the_losses_and_zero_takes_a_row_out():
    y, output, sample_weight = [1.0, np.nan, 3.0, 7.0], [[0.0], [9.0], [5.0], [9.0]], [0.5, 2.0, 3.0, 0.0]
    assert total_and_count("mse", y, output, sample_weight) == (0.5 * 1 + 3 * 4, 2.0)
    by_weight = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert total_and_count(by_weight, y, output, sample_weight) == (0.5 * 1 + 3 * 4, 3.5)


def test_a_row_of_several_targets_is_dropped_whole_by_a_loss_that_averages_over_them():
    y, output = [[1.0, np.nan], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]
    assert total_and_count("mse", y, output) == ((4 + 16) / 2, 1.0)


def test_whole_numbers_are_all_labels_and_not_a_number_is_none():
    assert read_labels(np.array([0, 1])).mask is None
    read = read_labels(np.array([1.5, np.nan]))
    assert read.mask.numpy().tolist() == [True, False]
    assert read.targets.numpy().tolist() == [1.5, 0.0]


def test_only_half_precision_is_widened():
    for given, expected in (("float16", "float32"), ("bfloat16", "float32"), ("float64", "float64")):
        assert full_precision(tf.ones(2, given)).dtype == expected


def test_values_come_by_name_by_place_or_as_one():
    assert by_task({"b": 2, "a": None}, ["a", "b"], ["a", "b"], "y") == {"b": 2}
    assert by_task([1, 2, 3], ["c", "a"], ["a", "b", "c"], "y") == {"c": 3, "a": 1}
    assert by_task("mse", ["a", "b"], ["a", "b"], "loss", spread=True) == {"a": "mse", "b": "mse"}
    assert by_task(5, ["a"], ["a"], "y") == {"a": 5}
    assert by_task(None, ["a"], ["a"], "y") == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"age": 1}, "y has a key 'age': did you mean 'ages'"),
        ([1], "y has 1 parts for the 2 outputs"),
        (5, "y must be a dict with the tasks .* as keys, got int"),
    ],
)
def test_values_that_belong_to_no_task_are_refused(values, words):
    with pytest.raises(InvalidArgumentError, match=words):
        by_task(values, ["ages", "b"], ["ages", "b"], "y")


def test_other_errors_of_tensorflow_pass_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError, match="another"), sentences():
        raise tf.errors.InvalidArgumentError(None, None, "another matter")
