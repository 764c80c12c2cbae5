"""The regressor in scikit-learn's form."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import check_estimator

from cotrain._base import DataError
from cotrain.cotraining import CoTrainingRegressor

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 0 is unlabelled, not absent",
    "check_sample_weight_equivalence_on_sparse_data": "a row of weight 0 is unlabelled, not absent",
}


def linear(**more) -> CoTrainingRegressor:
    return CoTrainingRegressor(**{"estimator": Ridge(), "max_rounds": 2, "random_state": 0, **more})


def rows(labelled: int = 40, n: int = 200, targets: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = make_regression(n, 5, n_targets=targets, noise=5.0, random_state=0)
    few = y.copy()
    few[labelled:] = np.nan
    return x, y, few


def test_scikit_learns_own_checks_with_an_estimator():
    results = check_estimator(linear(max_rounds=1), expected_failed_checks=EXPECTED, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(EXPECTED)


@pytest.mark.slow
def test_scikit_learns_own_checks_with_networks():
    model = CoTrainingRegressor(max_rounds=1, updates=20, learning_rate=1e-2)
    results = check_estimator(model, expected_failed_checks=EXPECTED, on_skip=None)
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(EXPECTED)


def test_unlabelled_rows_are_completed_and_true_labels_stay():
    x, y, few = rows()
    model = linear(estimator=KNeighborsRegressor(3)).fit(x, few)
    given = ~np.isnan(few)
    assert np.allclose(model.transduction_[given], few[given])
    assert np.array_equal(model.labeled_iter_ == 0, given)
    assert np.array_equal(np.isnan(model.transduction_), model.labeled_iter_ < 0)
    assert model.score(x, y) > 0.3
    assert model.history_["peers"] == ["network 1", "network 2", "network 3"]


def test_networks_are_the_default():
    x, y, few = rows()
    model = CoTrainingRegressor(max_rounds=1, updates=30, learning_rate=1e-2, random_state=0).fit(x, few)
    assert model.score(x, y) > 0.5
    assert np.array_equal(clone(model).fit(x, few).predict(x), model.predict(x))


def test_minus_one_is_a_number():
    x, _, few = rows()
    model = linear().fit(x, np.where(np.isnan(few), -1.0, few))
    assert model.history_["stopped"] == "there is no unlabelled cell"


def test_several_columns_are_several_tasks():
    x, y, few = rows(targets=2)
    few[20:60, 0] = np.nan
    few[:20, 1] = np.nan
    model = linear().fit(x, few)
    assert model.predict(x).shape == model.transduction_.shape == (200, 2)
    assert model.score(x, y) > 0.8
    assert set(model.history_["chosen"]) == {"y0", "y1"}


def test_numbers_with_too_few_labels_to_judge_by_are_not_labelled():
    x, _, few = rows(labelled=10)
    model = linear().fit(x, few)
    assert "held-out labels" in model.history_["stopped"]
    assert (model.labeled_iter_ < 1).all()


def test_what_cannot_be_learned_is_named():
    x, _, few = rows()
    with pytest.raises(DataError, match="Task 'y' has no label among the 200 training rows"):
        linear().fit(x, np.full(200, np.nan))
    with pytest.raises(DataError, match="y must hold numbers"):
        linear().fit(x, np.array(["a"] * 200))
    few[0] = np.inf
    with pytest.raises(DataError, match="Input y contains infinity in 1 cells"):
        linear().fit(x, few)
