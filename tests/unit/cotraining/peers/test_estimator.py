from __future__ import annotations

import polars as pl
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import LinearSVC

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import EstimatorPeer
from cotrain.cotraining._fit_cache import FitCache
from cotrain.training import Examples


def rows(classes: list[int], mask: list[bool] | None = None) -> Examples:
    targets = torch.tensor(classes)[:, None]
    known = torch.tensor(mask or [True] * len(classes))[:, None]
    return Examples({"inputs": 3.0 * targets.float()}, {"c": targets}, {"c": known})


@pytest.fixture
def task() -> kinds.Multiclass:
    made = kinds.Multiclass("c")
    made.fit(pl.DataFrame({"c": [0, 1, 2, 3] * 2}))
    return made


def test_probabilities_stand_in_the_order_of_the_tasks_classes(task):
    # Class 0 and 2 are not among the labels: the estimator's first column is class 1.
    peer = EstimatorPeer("linear", [task], LogisticRegression(C=100.0))
    fitted = peer.fit(rows([1, 3, 1, 3]), None, "key", FitCache())
    prediction = fitted.predictions({"inputs": torch.tensor([[3.0], [9.0]])})["c"]
    assert prediction.classes().flatten().tolist() == [1, 3]
    assert prediction.probabilities is not None
    assert prediction.probabilities[:, 0, [0, 2]].abs().max() == 0


def test_one_class_only_is_that_class(task):
    fitted = EstimatorPeer("linear", [task], LogisticRegression()).fit(rows([2, 2]), None, "key", FitCache())
    prediction = fitted.predictions({"inputs": torch.zeros(3, 1)})["c"]
    assert prediction.classes().flatten().tolist() == [2, 2, 2]


def test_weights_of_the_labels_count(task):
    examples = rows([0, 1, 0, 1])
    heavy = Examples(
        {"inputs": torch.zeros(4, 1)}, examples.targets, {"c": torch.tensor([[1.0], [9.0], [1.0], [9.0]])}
    )
    fitted = EstimatorPeer("linear", [task], LogisticRegression()).fit(heavy, None, "key", FitCache())
    prediction = fitted.predictions({"inputs": torch.zeros(1, 1)})["c"]
    assert prediction.probabilities is not None
    assert prediction.probabilities[0, 0, 1].item() == pytest.approx(0.9, abs=0.02)


def test_bags_become_columns_of_the_training_tokens():
    task = kinds.Regression("v")
    task.fit(pl.DataFrame({"v": [0.0, 1.0]}))
    inputs = {"bag:t": torch.tensor([[1, 0], [2, 1]])}
    examples = Examples(inputs, {"v": torch.tensor([[-1.0], [1.0]])}, {"v": torch.ones(2, 1)})
    fitted = EstimatorPeer("linear", [task], regressor=Ridge()).fit(examples, None, "key", FitCache())
    # A token that training never had is nothing, not an error.
    assert fitted.predictions({"bag:t": torch.tensor([[7, 1]])})["v"].values is not None


def test_a_missing_or_mute_estimator_is_refused(task):
    with pytest.raises(InvalidArgumentError, match="needs classifier="):
        EstimatorPeer("linear", [task], regressor=Ridge())
    with pytest.raises(InvalidArgumentError, match="LinearSVC has no predict_proba"):
        EstimatorPeer("linear", [task], LinearSVC())


def test_a_row_of_which_the_estimator_says_nothing_is_open(task):
    # The last row has no neighbour that a label could reach it by.
    spreading = LabelSpreading(kernel="rbf", gamma=20.0)
    peer = EstimatorPeer("spreading", [task], spreading, transductive=True)
    examples = rows([1, 3, 1, 3], [True, True, False, False])
    fitted = peer.fit(examples, None, "key", FitCache())
    prediction = fitted.predictions({"inputs": torch.tensor([[3.0], [9.0], [1e4]])})["c"]
    assert prediction.classes().flatten().tolist()[:2] == [1, 3]
    assert prediction.probabilities is not None
    assert prediction.probabilities[2, 0].tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("estimator", "heeds"),
    [
        (LabelSpreading("knn", n_neighbors=3), True),
        (SelfTrainingClassifier(LogisticRegression()), True),
        (LogisticRegression(), False),
        (HistGradientBoostingClassifier(max_iter=5), False),
    ],
)
def test_an_estimator_that_takes_unlabelled_rows_for_a_class_is_refused(make_problem, estimator, heeds):
    problem = make_problem(labelled=60)
    peer = EstimatorPeer("one", problem.tasks, estimator, transductive=True)
    if heeds:
        assert peer.fit(problem.train, None, "", FitCache()).predictions(problem.train.inputs)["class"]
        return
    with pytest.raises(InvalidArgumentError, match=f"{type(estimator).__name__} took the -1 .* of 'class'"):
        peer.fit(problem.train, None, "", FitCache())
