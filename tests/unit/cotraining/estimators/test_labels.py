"""What is a label and what says that there is none, in every form that y comes in."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from cotrain._base import DataError
from cotrain.cotraining import CoTrainingClassifier, CoTrainingRegressor, SelfTraining
from cotrain.cotraining.estimators._labels import check_labels, columns_of, unlabelled

MARKERS = [-1, float("nan"), None, pd.NA]
X = np.random.default_rng(0).normal(size=(40, 3))


def linear() -> CoTrainingClassifier:
    return CoTrainingClassifier(SelfTraining(), estimator=LogisticRegression(), max_rounds=1, random_state=0)


@pytest.mark.parametrize("marker", MARKERS, ids=str)
@pytest.mark.parametrize("values", [["yes", "no"], [True, False], [3, 7]], ids=str)
@pytest.mark.parametrize(
    "form", [list, lambda y: np.array(y, dtype=object), lambda y: pd.Series(y, dtype=object)]
)
def test_no_marker_becomes_a_class(marker, values, form):
    y = [values[i % 2] if i < 20 else marker for i in range(40)]
    model = linear().fit(X, form(y))
    assert sorted(model.classes_.tolist()) == sorted(values)
    assert (model.labeled_iter_ == 0).sum() == 20


@pytest.mark.parametrize("dtype", ["string", "boolean", "Int64", "Float64", "category"])
def test_nullable_columns_of_pandas(dtype):
    values = {"string": ["a", "b"], "boolean": [True, False], "category": ["a", "b"]}.get(dtype, [0, 1])
    y = pd.Series([values[i % 2] if i < 20 else None for i in range(40)], dtype=dtype)
    model = linear().fit(X, y)
    assert sorted(model.classes_.tolist()) == sorted(values)
    assert model.score(X, y) >= 0.3


@pytest.mark.parametrize(
    "form",
    [
        list,
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pl.Series(y, dtype=pl.Int64),
        lambda y: pl.DataFrame({"a": y, "b": y}),
        lambda y: pl.Series(y, dtype=pl.Int64).to_arrow(),
        lambda y: pl.DataFrame({"a": y, "b": y}).to_arrow(),
        lambda y: np.ma.masked_array([-7 if one is None else one for one in y], [one is None for one in y]),
    ],
)
def test_whole_numbers_stay_what_they_are_beside_unlabelled_rows(form):
    # As floats the two are one.
    values = columns_of(form([2**53, None, 2**53 + 1]))[0]
    for column in values.T:
        assert unlabelled(column).tolist() == [False, True, False]
        assert [int(one) for one in column[[0, 2]]] == [2**53, 2**53 + 1]


def test_classes_of_whole_numbers_are_no_floats():
    model = linear().fit(X, [2**53 + i % 2 if i < 20 else None for i in range(40)])
    assert model.classes_.tolist() == [2**53, 2**53 + 1]
    assert model.predict(X).dtype.kind == model.classes_.dtype.kind == "i"


@pytest.mark.parametrize("unit", ["M8[ns]", "m8[s]"])
def test_no_moment_is_unlabelled_and_no_class(unit):
    y = np.array([i % 2 if i < 20 else 0 for i in range(40)]).astype(unit)
    y[20:] = np.array("NaT", unit)
    assert unlabelled(y).tolist() == [False] * 20 + [True] * 20
    model = linear().fit(X, pd.Series(y))
    assert len(model.classes_) == 2
    assert (model.labeled_iter_ == 0).sum() == 20


def test_frames_of_several_columns_keep_their_names():
    frame = pd.DataFrame({"a": pd.Series(["u", "v", None], dtype="string"), "b": [0, 1, -1]})
    values, names = columns_of(frame)
    assert names == ["a", "b"]
    assert unlabelled(values[:, 0]).tolist() == unlabelled(values[:, 1]).tolist() == [False, False, True]
    assert columns_of(pl.Series("y", ["u", None]))[0][:, 0].tolist() == ["u", None]


@pytest.mark.parametrize("word", ["-1", "nan", "None", "<NA>"])
def test_markers_that_have_become_words_are_refused(word):
    y = np.array(["yes", "no"] * 10 + [word] * 20)
    with pytest.raises(DataError, match=f"Task 'y' has the word '{word}' among its labels"):
        linear().fit(X, y)


def test_what_counts_as_unlabelled():
    assert unlabelled(np.array([-1, 0, 1])).tolist() == [True, False, False]
    assert unlabelled(np.array([-1.0, np.nan, 1.0])).tolist() == [True, True, False]
    assert unlabelled(np.array(["-1", "a"])).tolist() == [False, False]
    assert unlabelled(np.array([True, False])).tolist() == [False, False]
    assert unlabelled(np.array([np.True_, pd.NaT, 1], dtype=object)).tolist() == [False, True, False]


def test_minus_one_beside_one_is_warned_of():
    with pytest.warns(UserWarning, match="holds only -1 and 1, and -1 means unlabelled"):
        linear().fit(X, np.where(np.arange(40) % 2 == 0, 1, -1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_labels("y", np.array([0, 1]), marked=True)
        check_labels("y", np.array([2, 2]), marked=True)
        check_labels("y", np.array([1, 1]), marked=False)


def test_numbers_may_be_nullable_too():
    y = pd.Series([float(i) if i < 25 else None for i in range(40)], dtype="Float64")
    model = CoTrainingRegressor(estimator=None, max_rounds=1, updates=5, random_state=0).fit(X, y)
    assert (model.labeled_iter_ == 0).sum() == 25


@pytest.mark.parametrize("y", [np.zeros((2, 2, 2)), np.array([1j, 2]), np.array([np.inf, 1.0])])
def test_other_things_are_refused(y):
    with pytest.raises(DataError):
        columns_of(y)


@pytest.mark.parametrize("other", [1, 1.0, True])
def test_words_and_other_values_are_no_classes_of_one_task(other):
    # Of 1 they made the class "1", which no label is equal to.
    with pytest.raises(DataError, match="'y' has words and other values among its labels"):
        check_labels("y", np.array(["yes", other, "no"], dtype=object), marked=False)
    check_labels("y", np.array(["yes", "no"], dtype=object), marked=True)
