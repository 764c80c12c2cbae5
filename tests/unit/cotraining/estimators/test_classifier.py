"""The classifier in scikit-learn's form."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from cotrain._base import DataError, InvalidArgumentError
from cotrain.cotraining import CoTrainingClassifier, SelfTraining, TwoViewCoTraining

#: With a label of −1 for "unlabelled", as scikit-learn has it, −1 cannot be a class.
#: A row of weight 0 is still one of the pool, and of a committee each member draws rows, not weights.
EXPECTED = {
    "check_classifiers_classes": "one part of it has the classes −1 and 1, and −1 means unlabelled",
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 0 is unlabelled, not absent",
    "check_sample_weight_equivalence_on_sparse_data": "a row of weight 0 is unlabelled, not absent",
}


def small(**more) -> CoTrainingClassifier:
    options = {"max_rounds": 2, "updates": 30, "random_state": 0}
    return CoTrainingClassifier(**{**options, **more})


def linear(**more) -> CoTrainingClassifier:
    return small(estimator=LogisticRegression(C=10.0), **more)


def blobs(labelled: int = 30, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = make_blobs(n, 4, centers=3, cluster_std=3.0, random_state=1)
    return x, y, np.where(np.arange(n) < labelled, y, -1)


def test_scikit_learns_own_checks_with_an_estimator():
    results = check_estimator(linear(max_rounds=1), expected_failed_checks=EXPECTED, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(EXPECTED)


@pytest.mark.slow
def test_scikit_learns_own_checks_with_networks():
    model = small(max_rounds=1, updates=20)
    results = check_estimator(model, expected_failed_checks=EXPECTED, on_skip=None)
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(EXPECTED)
    assert len(results) == len(list(estimator_checks_generator(model)))


def test_unlabelled_rows_help_and_true_labels_stay():
    x, y, few = blobs()
    model = linear(max_rounds=3, margin=0.0, min_labels=0).fit(x, few)
    assert model.score(x, y) > 0.8
    given = few != -1
    assert np.array_equal(model.transduction_[given], few[given])
    assert np.array_equal(model.labeled_iter_ == 0, given)
    assert np.array_equal(model.labeled_iter_ > 0, (model.transduction_ != -1) & ~given)
    assert (model.labeled_iter_ > 0).any()
    assert model.history_["rounds"]


def test_networks_are_the_default():
    x, y, few = blobs()
    model = small(max_rounds=1).fit(x, few)
    assert model.score(x, y) > 0.75
    assert model.history_["peers"] == ["network 1", "network 2", "network 3"]
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))
    assert np.array_equal(clone(model).fit(x, few).predict_proba(x), model.predict_proba(x))


def test_words_are_classes_and_none_is_unlabelled():
    x, _, few = blobs()
    words = np.array([None if label == -1 else f"class {label}" for label in few], dtype=object)
    model = linear().fit(x, words)
    assert model.classes_.tolist() == ["class 0", "class 1", "class 2"]
    assert set(model.predict(x)) <= set(model.classes_)
    assert model.score(x, words) > 0.8
    assert {type(label) for label in model.transduction_} <= {str, type(None)}


@pytest.mark.parametrize("hole", [-1, np.nan])
def test_several_columns_are_several_tasks(hole):
    x, y, _ = blobs()
    y = np.stack([y, y == 1], axis=1).astype(float)
    holes = np.random.default_rng(0).random(y.shape) < 0.7
    few = np.where(holes, hole, y)
    model = linear().fit(x, few)
    assert [classes.tolist() for classes in model.classes_] == [[0, 1, 2], [0, 1]]
    assert model.predict(x).shape == model.transduction_.shape == (200, 2)
    assert [p.shape for p in model.predict_proba(x)] == [(200, 3), (200, 2)]
    assert set(model.history_["chosen"]) == {"y0", "y1"}
    assert model.score(x, y) > 0.8


@pytest.mark.parametrize("numbers", [int, float, bool])
@pytest.mark.parametrize("form", ["object", "pandas", "polars"])
def test_words_beside_numbers_keep_their_types(numbers, form):
    # Side by side in one array the numbers became words, which no score could compare.
    x, _, few = blobs(60)
    columns = {
        "kind": [None if label == -1 else f"class {label}" for label in few],
        "code": [None if label == -1 else numbers(label == 1) for label in few],
    }
    data = np.array(list(columns.values()), dtype=object).T
    given = {"object": data, "pandas": pd.DataFrame(columns), "polars": pl.DataFrame(columns)}[form]
    model = linear().fit(x, given)
    predicted = model.predict(x)
    for t, classes in enumerate(model.classes_):
        assert set(predicted[:, t].tolist()) <= set(classes.tolist())
        # Whole numbers with gaps are floats in pandas' frames.
        number = float if numbers is int and form == "pandas" else numbers
        assert {type(value) for value in predicted[:, t].tolist()} == {(str, number)[t]}
    assert model.score(x, given) > 0.8


def test_views_are_lists_of_columns():
    x, _, few = blobs()
    model = linear(views=[[0, 1], [2, 3]]).fit(x, few)
    assert model.history_["peers"] == ["view 1", "view 2"]
    named = linear(views=[["x0", "x1"], ["x2", "x3"]]).fit(x, few)
    assert np.array_equal(model.predict_proba(x), named.predict_proba(x))
    # The network of one view does not see the other's columns.
    other = x.copy()
    other[:, 2:] = 0
    encoded = [model._schema.encode(model._table(rows, reset=False)) for rows in (x, other)]
    first = model._outcome.fitted[max(model._outcome.chosen.values())][0]
    a, b = (first.predictions(rows)["y"].probabilities for rows in encoded)
    assert bool((a == b).all())


def test_views_that_a_check_speaks_against_do_not_label_for_each_other():
    x, _, few = blobs(labelled=90)
    x[:, 2:] = np.random.default_rng(0).normal(size=(200, 2))
    model = linear(views=[[0, 1], [2, 3]]).fit(x, few)
    against = "Committee instead of two views: view 'view 2' knows no more of 'y' than a constant; "
    assert model.history_["stopped"].startswith(against)
    assert not {"view 1", "view 2"} & set(model.history_["peers"])
    asked = linear(strategy=TwoViewCoTraining(["view 1", "view 2"]), views=[[0, 1], [2, 3]]).fit(x, few)
    assert asked.history_["peers"] == ["view 1", "view 2"]


def test_views_can_be_found():
    x, _, few = blobs()
    doubled = np.concatenate([x, x + 0.01], axis=1)
    model = linear(views="independent").fit(doubled, few)
    assert len(model.history_["peers"]) == 2
    views = [peer.view.seen["numbers"] for peer in model._outcome.fitted[0] or model._outcome.fitted[-1]]
    assert all(bool((view[:4] == view[4:]).all()) for view in views)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_with_words_and_empty_cells(kind):
    x, y, few = blobs()
    columns = {f"c{i}": x[:, i].tolist() for i in range(3)}
    columns["c0"][5] = None
    columns["town"] = np.array(["Rome", "Oslo", "Lima"])[y].tolist()
    frame = kind(columns)
    model = small(strategy=SelfTraining(), updates=60).fit(frame, few)
    assert model.n_features_in_ == 4
    assert model.score(frame, y) > 0.95
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["c0", "c1", "town", "c2"]])


def test_the_share_of_a_rare_class_is_removed_if_asked():
    x, y, _ = blobs()
    few = np.where((np.arange(200) < 60) & ((y == 0) | (np.arange(200) < 12)), y, -1)

    def labels_of_rare_classes(**options):
        history = linear(min_labels=0, margin=0.0, **options).fit(x, few).history_
        return sum(n for name, n in history["rounds"][0]["tasks"]["y"]["per_class"].items() if name != "0")

    assert labels_of_rare_classes(logit_adjustment=1.0) > labels_of_rare_classes()


def test_labels_that_are_probably_wrong_are_taken_out_if_asked():
    x, y, _ = blobs()
    few = np.where(np.arange(200) < 120, y, -1)
    few[:120:5] = (few[:120:5] + 1) % 3
    assert linear().fit(x, few).history_["doubted_labels"] == {}
    found = linear(label_noise="confident").fit(x, few).history_["doubted_labels"]
    assert 12 <= found["y"] <= 36


def test_one_class_is_the_answer():
    x, _, _ = blobs()
    model = linear().fit(x, np.where(np.arange(200) < 5, 2, -1))
    assert model.predict(x).tolist() == [2] * 200
    assert model.predict_proba(x).shape == (200, 1)


def test_a_class_with_one_row_can_be_learned():
    x, _, few = blobs(labelled=20)
    few[np.flatnonzero(few == 2)[1:]] = -1
    assert linear().fit(x, few).classes_.tolist() == [0, 1, 2]


def test_without_unlabelled_rows_the_start_is_the_answer():
    x, y, _ = blobs()
    model = linear().fit(x, y)
    assert model.history_["stopped"] == "there is no unlabelled cell"
    assert np.array_equal(model.transduction_, y)


def test_without_any_label_the_task_is_named():
    x, y, _ = blobs()
    with pytest.raises(DataError, match="Task 'y' has no label among the 200 training rows"):
        linear().fit(x, np.full(200, -1))
    with pytest.raises(DataError, match="Task 'size' has no label among the 200 training rows"):
        linear().fit(x, pd.DataFrame({"kind": y, "size": -1}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "best"}, "expected a strategy such as Committee"),
        ({"validation_fraction": 1.0}, r"expected a share in \[0, 1\)"),
        ({"views": [[0], [7]]}, "7 is no column of X, which has 4"),
        ({"views": [[0]]}, "at least two views"),
        ({"max_rounds": 0}, "max_rounds is 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    x, _, few = blobs()
    with pytest.raises(InvalidArgumentError, match=message):
        linear(**options).fit(x, few)


def test_strategies_can_be_given():
    x, _, few = blobs()
    model = linear(strategy=TwoViewCoTraining(n_random=2)).fit(x, few)
    assert model.history_["peers"] == ["random view 1", "random view 2"]


def test_the_guards_can_be_told_off():
    x, _, few = blobs(labelled=12)
    kept = linear().fit(x, few)
    assert kept.history_["verdicts"]["y"] == ("supervised start: 12 labels are fewer than min_labels=20")
    assert linear(margin=0.0, min_labels=0).fit(x, few).history_["chosen"]["y"] > 0


def test_auto_needs_no_validation_rows():
    x, _, few = blobs(labelled=60)
    model = linear(strategy="auto").fit(x, few)
    assert model.history_["verdicts"]["y"].endswith("on 60 held-out labels")


def test_sparse_rows_are_learned_like_dense_ones():
    x, _, few = blobs()
    x = np.where(np.abs(x) < 2, 0.0, x)
    dense, sparse = linear().fit(x, few), linear().fit(csr_matrix(x), few)
    assert np.array_equal(dense.predict_proba(x), sparse.predict_proba(csr_matrix(x)))
    with pytest.raises(DataError, match="Sparse X of 200 rows and 9000000 columns would take 13 GiB"):
        linear().fit(csr_matrix((200, 9_000_000)), few)


def test_weights_of_rows_reach_the_fits():
    x, _, few = blobs(labelled=60)
    heavy = np.where(few == 0, 20.0, 1.0)
    plain, weighted = linear(max_rounds=1).fit(x, few), linear(max_rounds=1).fit(x, few, heavy)
    assert (weighted.predict(x) == 0).sum() > (plain.predict(x) == 0).sum()
    scaled = linear(max_rounds=1).fit(x, few, 1000.0 * heavy)
    assert np.allclose(scaled.predict_proba(x), weighted.predict_proba(x), atol=1e-5)


@pytest.mark.parametrize("weights", [np.ones(3), np.full(200, -1.0), np.full(200, np.nan), np.zeros(200)])
def test_weights_that_are_none_are_refused(weights):
    x, _, few = blobs()
    with pytest.raises(DataError, match="sample_weight"):
        linear().fit(x, few, weights)


def test_the_package_does_without_scikit_learn_until_then():
    code = "import sys, cotrain.cotraining as c; assert 'sklearn' not in sys.modules; c.CoTrainingClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
