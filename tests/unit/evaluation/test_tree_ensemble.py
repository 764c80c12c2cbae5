"""Trees as arrays answer as scikit-learn's own do, to the bit, whoever else is asked about."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from cotrain.evaluation import _tree_ensemble
from cotrain.evaluation._tree_ensemble import TreeEnsemble

CATEGORICAL = [None, np.zeros(6, bool), np.array([0, 0, 1, 0, 1, 0], bool), np.ones(6, bool)]


def rows(n: int, seed: int, *, whole: bool = False) -> np.ndarray:
    """Numbers, codes, and codes that other rows do not have; all with gaps."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 6)).round(1)
    features[:, 2], features[:, 4] = rng.integers(0, 9 + 3 * seed, n), rng.integers(0, 200 + 20 * seed, n)
    features[rng.random((n, 6)) < 0.1] = np.nan
    return np.abs(np.trunc(features)) if whole else features


def fitted(kind: str, categorical: np.ndarray | None) -> tuple[Any, np.ndarray]:
    """A model with trees of every sort of node, and new rows."""
    whole = categorical is not None and bool(categorical.all())
    x, new = rows(500, 0, whole=whole), rows(80, 1, whole=whole)
    y = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 2]) % 3 + (np.nan_to_num(x[:, 4]) % 7 == 0)
    options: dict[str, Any] = {"max_iter": 12, "min_samples_leaf": 3, "categorical_features": categorical}
    if kind == "numbers":
        return HistGradientBoostingRegressor(**options).fit(x, y), new
    classes = np.digitize(y, [1.0] if kind == "two" else [0.5, 1.5])
    return HistGradientBoostingClassifier(**options).fit(x, classes), new


@pytest.mark.parametrize("categorical", CATEGORICAL, ids=["none", "no column", "two", "all"])
@pytest.mark.parametrize("kind", ["numbers", "two", "three"])
@pytest.mark.parametrize("n_rounds", [1, 7, 12])
def test_the_sums_are_those_of_scikit_learn(kind: str, categorical: np.ndarray | None, n_rounds: int) -> None:
    model, new = fitted(kind, categorical)
    staged = model.staged_predict if kind == "numbers" else model.staged_decision_function
    expected = next(islice(staged(new), n_rounds - 1, None))
    trees = TreeEnsemble.from_arrays(TreeEnsemble.of_scikit_learn(model, n_rounds).arrays())
    np.testing.assert_array_equal(trees.raw(new), expected.reshape(len(new), -1))


def literal(trees: TreeEnsemble, row: np.ndarray) -> np.ndarray:
    """One row, one node at a time."""
    sums = trees.baseline.copy()
    for roots in trees.roots:
        for k, node in enumerate(roots):
            while trees.left[node] != node:
                x, column = row[trees.feature[node]], int(trees.feature[node])
                if column in trees.categorical:
                    place = trees.categorical.tolist().index(column)
                    known = trees.known[trees.first_known[place] : trees.first_known[place + 1]].tolist()
                    x = known.index(x) if x in known else np.nan
                if np.isnan(x):
                    left = trees.missing_left[node]
                elif trees.bits[node] >= 0:
                    left = int(trees.bitsets[trees.bits[node]][int(x) // 32]) >> (int(x) % 32) & 1
                else:
                    left = x <= trees.threshold[node]
                node = trees.left[node] if left else trees.right[node]
            sums[k] += trees.value[node]
    return sums


@pytest.mark.parametrize("categorical", CATEGORICAL, ids=["none", "no column", "two", "all"])
def test_the_sums_are_those_of_a_walk_node_by_node(categorical: np.ndarray | None) -> None:
    model, new = fitted("three", categorical)
    trees = TreeEnsemble.of_scikit_learn(model, 12)
    np.testing.assert_array_equal(trees.raw(new), np.stack([literal(trees, row) for row in new]))


def test_a_row_has_its_value_among_any_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model, new = fitted("three", CATEGORICAL[2])
    trees = TreeEnsemble.of_scikit_learn(model, 12)
    together = trees.raw(new)
    np.testing.assert_array_equal(np.concatenate([trees.raw(row[None]) for row in new]), together)
    monkeypatch.setattr(_tree_ensemble, "PLACES_AT_A_TIME", 100)
    np.testing.assert_array_equal(trees.raw(new), together)
    assert trees.raw(new[:0]).shape == (0, 3)


def test_rows_are_left_as_they_are() -> None:
    model, new = fitted("numbers", CATEGORICAL[2])
    before = new.copy()
    TreeEnsemble.of_scikit_learn(model, 3).raw(new)
    np.testing.assert_array_equal(new, before)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("left", np.zeros_like),
        ("right", lambda a: np.where(np.arange(len(a)) == 0, len(a), a)),
        ("roots", lambda a: a - 1),
        ("roots", lambda a: a.ravel()),
        ("value", lambda a: a[1:]),
        ("bits", lambda a: np.full_like(a, 10**6)),
        ("bitsets", lambda a: a[:, :3]),
        ("baseline", lambda a: np.zeros(2)),
        ("first_known", lambda a: a + 10**6),
        ("first_known", lambda a: a[1:]),
        ("feature", lambda a: a - 7),
        ("categorical", lambda a: a - 7),
    ],
)
def test_arrays_that_would_lead_out_of_the_trees_are_refused(name: str, change: Any) -> None:
    model, _ = fitted("numbers", CATEGORICAL[2])
    arrays = TreeEnsemble.of_scikit_learn(model, 3).arrays()
    with pytest.raises(ValueError, match="not those of trees"):
        TreeEnsemble.from_arrays(arrays | {name: change(arrays[name])})
