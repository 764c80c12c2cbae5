from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from cotrain._base import InvalidArgumentError
from cotrain.configuration import construct, describe
from cotrain.cotraining import CoTraining, Strategy, TeacherStudent

from .recording import RecordingFactory, named


@pytest.mark.parametrize(
    ("teachers", "wanted"),
    [
        ("single", ["teacher of sold", "teacher of price", "student"]),
        ("joint", ["joint teacher", "student"]),
        ("both", ["teacher of sold", "teacher of price", "joint teacher", "student"]),
        ("estimators", ["estimators", "student"]),
    ],
)
def test_the_student_is_last_learns_from_all_teachers_and_answers_alone(teachers, wanted):
    strategy = TeacherStudent(teachers)
    assert named(strategy) == wanted
    last = len(wanted) - 1
    assert strategy.teachers(last, len(wanted)) == list(range(last))
    assert all(strategy.teachers(number, len(wanted)) == [] for number in range(last))
    assert strategy.answering(len(wanted)) == [last]


class _Remembering(BaseEstimator):
    """A stub of a model that was trained elsewhere: it fits by remembering the rows, and takes no weights."""

    def __init__(self, temperature: float = 1.0, random_state: int | None = None) -> None:
        self.temperature = temperature
        self.random_state = random_state

    def fit(self, X, y):
        assert X.ndim == 2
        assert np.isfinite(X).all()
        self.rows_, self.answers_ = X, y
        return self

    def _attention(self, X) -> np.ndarray:
        distances = ((X[:, None] - self.rows_[None]) ** 2).sum(axis=-1)
        logits = -distances / self.temperature
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


class RememberingClassifier(_Remembering):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return super().fit(X, y)

    def predict_proba(self, X):
        # In the precision of a network, as such models answer.
        return (self._attention(X) @ (self.answers_[:, None] == self.classes_)).astype(np.float32)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class RememberingRegressor(_Remembering):
    def predict(self, X):
        return self._attention(X) @ self.answers_


STUB = {
    "kind": "TeacherStudent",
    "teachers_are": "estimators",
    "classifier": f"{__name__}:RememberingClassifier",
    "regressor": f"{__name__}:RememberingRegressor",
    "options": {"temperature": 0.5},
    "regressor_options": {"temperature": 0.25},
}


def test_any_estimator_of_scikit_learns_kind_teaches_the_network(make_problem):
    strategy = construct(Strategy, STUB, "strategy")
    assert isinstance(strategy, TeacherStudent)
    assert STUB.items() <= describe(strategy).items()
    problem = make_problem(kinds_=("class", "size"), n=160, labelled=60)
    settings = CoTraining(strategy, 1, min_labels=0, margin=0.0, updates=20)
    outcome = problem.run(settings, factory=problem.networks(settings, seed=3))
    assert outcome.peers == ["estimators", "student"]
    record = {task.task: task for task in outcome.records[0].tasks}
    assert record["class"].accepted > 50
    assert record["size"].accepted > 50
    teacher = outcome.fitted[0][0]
    classifier, regressor = teacher.fitted["class"][0], teacher.fitted["size"][0]
    assert (classifier.temperature, regressor.temperature) == (0.5, 0.25)
    assert classifier.random_state == regressor.random_state == 3
    said = teacher.predictions(problem.validation.inputs)["class"].probabilities
    assert torch.allclose(said.sum(dim=-1), torch.ones(()), atol=1e-5)


def test_options_of_both_estimators_reach_the_factory():
    options = {"options": {"a": 1}, "regressor_options": {"b": 2}}
    peer = TeacherStudent("estimators", **options).peers(RecordingFactory())[0]
    assert (peer.options, peer.regressor_options) == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize("teachers", ["single", "joint", "both"])
@pytest.mark.parametrize(
    "said",
    [
        {"classifier": "sklearn.neighbors:KNeighborsClassifier"},
        {"regressor": "sklearn.linear_model:Ridge"},
        {"options": {"a": 1}},
        {"regressor_options": {"a": 1}},
        {"transductive": True},
    ],
)
def test_what_is_said_of_estimators_is_refused_where_networks_teach(teachers, said):
    with pytest.raises(InvalidArgumentError, match=rf"'{teachers}', {next(iter(said))}=.*teachers_are='est"):
        TeacherStudent(teachers, **said)
    TeacherStudent("estimators", **said)
