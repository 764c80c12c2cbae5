"""Whatever labels are missing and classes seen: a sensible answer, or an error that says what to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LogisticRegression, Ridge

from cotrain._base import DataError
from cotrain.cotraining import Committee, CoTraining, CoTrainingClassifier, CoTrainingRegressor, SelfTraining
from cotrain.networks import TableEncoder
from cotrain.training import Examples

N = 24
X = np.random.default_rng(0).normal(size=(N, 3))

quick = settings(max_examples=15)
#: Where only -1 and 1 are left, the estimators ask whether -1 is a class; here it is none.
pytestmark = pytest.mark.filterwarnings("ignore:Task 'y.* holds only -1 and 1:UserWarning")


def classifier(**more) -> CoTrainingClassifier:
    options = {"estimator": LogisticRegression(), "max_rounds": 2, "random_state": 0, **more}
    return CoTrainingClassifier(**options)


def check(model: CoTrainingClassifier, x: np.ndarray, y: np.ndarray) -> None:
    """Check what holds for every fitted classifier of one target."""
    p = model.predict_proba(x)
    assert p.shape == (len(x), len(model.classes_))
    assert np.isfinite(p).all()
    assert np.allclose(p.sum(axis=1), 1.0)
    given = y != -1
    assert set(model.classes_) == set(y[given])
    assert np.array_equal(model.transduction_[given], y[given])
    assert (model.labeled_iter_[given] == 0).all()
    assert set(model.transduction_[~given]) <= {-1, *model.classes_}
    assert np.array_equal(model.transduction_ == -1, model.labeled_iter_ == -1)


@quick
@given(y=arrays.arrays(np.int64, N, elements=st.integers(-1, 4)))
def test_any_pattern_of_labels_and_any_number_of_classes(y: np.ndarray):
    if (y == -1).all():
        with pytest.raises(DataError, match=f"Task 'y' has no label among the {N} training rows"):
            classifier().fit(X, y)
    else:
        check(classifier().fit(X, y), X, y)


@quick
@given(
    y=arrays.arrays(np.int64, (N, 2), elements=st.integers(-1, 2)),
    strategy=st.sampled_from([Committee(2), SelfTraining(separate=True)]),
)
def test_any_pattern_of_labels_of_two_tasks(y: np.ndarray, strategy):
    y[0] = np.maximum(y[0], 0)
    model = classifier(strategy=strategy).fit(X, y)
    assert model.predict(X).shape == (N, 2)
    given = y != -1
    assert np.array_equal(model.transduction_[given], y[given])
    assert all(np.isfinite(p).all() for p in model.predict_proba(X))


@quick
@given(row=st.integers(0, N - 1), label=st.integers(0, 3))
def test_one_labelled_row(row: int, label: int):
    y = np.where(np.arange(N) == row, label, -1)
    model = classifier().fit(X, y)
    check(model, X, y)
    assert set(model.predict(X)) == {label}


@quick
@given(y=arrays.arrays(np.int64, N, elements=st.integers(0, 3)))
def test_no_unlabelled_rows(y: np.ndarray):
    model = classifier().fit(X, y)
    check(model, X, y)
    if len(model.classes_) > 1:
        assert model.history_["stopped"] == "there is no unlabelled cell"


@quick
@given(copies=st.lists(st.integers(0, N - 1), min_size=1, max_size=10), labelled=st.integers(2, N))
def test_duplicate_rows(copies: list[int], labelled: int):
    x = X.copy()
    x[: len(copies)] = X[copies]
    y = np.where(np.arange(N) < labelled, np.arange(N) % 2, -1)
    check(classifier().fit(x, y), x, y)


@quick
@given(
    y=arrays.arrays(np.float64, N, elements=st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32)))
)
def test_any_pattern_of_numbers(y: np.ndarray):
    model = CoTrainingRegressor(estimator=Ridge(), max_rounds=1, validation_fraction=0.4, random_state=0)
    if np.isnan(y).all():
        with pytest.raises(DataError, match=f"Task 'y' has no label among the {N} training rows"):
            model.fit(X, y)
        return
    model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    given = ~np.isnan(y)
    assert np.array_equal(model.transduction_[given], y[given])
    assert np.array_equal(np.isnan(model.transduction_), model.labeled_iter_ == -1)


@settings(max_examples=4)
@given(y=arrays.arrays(np.int64, (N, 2), elements=st.integers(-1, 2)))
def test_networks_take_any_pattern_too(y: np.ndarray):
    y[0] = np.maximum(y[0], 0)
    model = CoTrainingClassifier(
        Committee(2), encoder=TableEncoder(4, 0), max_rounds=1, updates=3, random_state=0
    ).fit(X, y)
    assert model.predict(X).shape == (N, 2)


def test_a_task_without_labels_is_named_among_others():
    y = np.stack([np.arange(N) % 2, np.full(N, -1)], axis=1)
    with pytest.raises(DataError, match=f"Task 'y1' has no label among the {N} training rows"):
        classifier().fit(X, y)


def test_inputs_of_a_single_number_a_row(make_problem):
    """As a Dataset gives them: tensors [N] beside tensors [N, D]."""
    problem = make_problem(labelled=40)
    for name in ("train", "truth", "validation"):
        rows = getattr(problem, name)
        x = rows.inputs["inputs"]
        inputs = {**{f"x{i}": x[:, i] for i in range(3)}, "rest": x[:, 3:]}
        setattr(problem, name, Examples(inputs, rows.targets, rows.masks))
    for validation in (True, False):
        outcome = problem.run(CoTraining(Committee(), 1), validation=validation)
        assert outcome.records
        assert outcome.predictions(problem.validation.inputs)["class"].is_finite()
