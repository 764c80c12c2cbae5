"""Scikit-learn's trees are those of its own estimators, up to the round that was best."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from cotrain.evaluation._scikit_learn_trees import ScikitLearnTrees
from cotrain.evaluation._tree_library import Boosting, TargetRows


def rows(n: int, seed: int, n_classes: int) -> TargetRows:
    rng = np.random.default_rng(seed)
    x = np.stack([rng.normal(size=n), rng.integers(0, 5, n)], axis=1)
    y = x[:, 0] + (x[:, 1] % 2) + rng.normal(size=n)
    truth = np.digitize(y, [0.0, 1.0][: n_classes - 1]) if n_classes else y
    return TargetRows(x, truth, rng.uniform(0.5, 2, n))


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_sums_are_those_of_the_best_round_of_the_estimator(n_classes: int) -> None:
    train, held, new = rows(300, 0, n_classes), rows(100, 1, n_classes), rows(50, 2, n_classes)
    categorical = np.array([False, True])
    how = Boosting(categorical, rounds=60, learning_rate=0.2, leaf_rows=5, patience=9, n_classes=n_classes)
    found = ScikitLearnTrees().grow(train, held, how).raw(new.features)
    options: dict[str, Any] = {
        "max_iter": 60, "learning_rate": 0.2, "min_samples_leaf": 5, "n_iter_no_change": 9, "random_state": 0,
        "early_stopping": True, "max_leaf_nodes": 15, "l2_regularization": 1.0,
        "categorical_features": categorical,
    }  # fmt: skip
    kind = HistGradientBoostingClassifier if n_classes else HistGradientBoostingRegressor
    model: Any = kind(**options).fit(
        train.features, train.truth, train.weights,
        X_val=held.features, y_val=held.truth, sample_weight_val=held.weights,
    )  # fmt: skip
    best = int(np.argmax(model.validation_score_))
    assert 0 < best < model.n_iter_
    said = (model.staged_decision_function if n_classes else model.staged_predict)(new.features)
    np.testing.assert_array_equal(found, next(islice(said, best - 1, None)).reshape(len(found), -1))


def test_it_is_always_there() -> None:
    ScikitLearnTrees().require()
    assert ScikitLearnTrees.packages == ()
