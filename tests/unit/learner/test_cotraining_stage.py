"""What is done with the outcome of the rounds; the rounds and the student are tested where they live."""

import json

import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain.balancing import Equal
from cotrain.cotraining import Committee, CoTraining, CoTrainingResult, PseudoLabels
from cotrain.learner import Preprocessor, _cotraining_stage
from cotrain.learner._architecture import Architecture
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.networks import HardSharing, TableEncoder
from cotrain.training import FitResult, Logger, Training

FRAME = pl.DataFrame({"x": [0.1, 0.2, 0.3, 0.4], "a": [0, 1, 0, 1], "b": [1.0, 2.0, None, 3.0]})


class Listener(Logger):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


def fit_result(marks, weights_of):
    return FitResult([{"w": torch.tensor([mark])} for mark in marks], weights_of, {}, [], {})


def improved(monkeypatch, student, kept, chosen, folder=None, n_tasks=2, doubted=None, **options):
    """The stage's answer to a given outcome; at the start task "a" has weights 1, "b" weights 2."""
    tasks = [kinds.Binary("a"), kinds.Regression("b", **options)][:n_tasks]
    preprocessor, examples = Preprocessor.fit(FRAME, tasks, {}, ["b"][: 2 - n_tasks])
    accepted = torch.tensor([[0.0], [0.0], [1.0], [0.0]])
    labels = {task.name: PseudoLabels(accepted, accepted, accepted, 2, "peer") for task in tasks}
    verdicts = {task.name: f"verdict on {task.name}" for task in tasks}
    outcome = CoTrainingResult([], chosen, "enough rounds", verdicts, ["peer"], [], [0], labels)
    monkeypatch.setattr(_cotraining_stage, "cleaned", lambda run: (run, doubted or {}))
    monkeypatch.setattr(_cotraining_stage, "run_rounds", lambda run: outcome)
    monkeypatch.setattr(_cotraining_stage, "fit_student", lambda *_: (student, kept))
    listener = Listener()
    stage = CoTrainingStage(
        CoTraining(Committee(2), 1),
        preprocessor,
        Architecture(TableEncoder(4, 0), HardSharing()),
        Equal(),
        training=Training(epochs=1),
        folder=folder,
        loggers=[listener],
    )
    start = fit_result([1.0, 2.0], dict(zip([task.name for task in tasks], (0, 1), strict=False)))
    return (*stage.improve(start, examples, None), listener.messages)


def marks(weights, weights_of):
    return {task: float(weights[place]["w"]) for task, place in weights_of.items()}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"a": True, "b": True}, {"a": 8.0, "b": 9.0}),
        ({"a": False, "b": True}, {"a": 1.0, "b": 9.0}),
        ({"a": True, "b": False}, {"a": 8.0, "b": 2.0}),
        ({"a": False, "b": False}, {"a": 1.0, "b": 2.0}),
    ],
)
def test_each_task_is_answered_by_the_student_or_by_its_own_start(monkeypatch, kept, expected):
    student = fit_result([9.0, 8.0], {"a": 1, "b": 0})
    weights, weights_of, provenance, _ = improved(monkeypatch, student, kept, {"a": 1, "b": 1})
    assert marks(weights, weights_of) == expected
    assert set(provenance.cells["task"]) == {task for task in kept if kept[task]}


def test_a_task_that_nothing_is_labelled_of_says_so_before_the_rounds_and_after(monkeypatch):
    reason = "a pseudo-label is one value, and says nothing of quantiles around it"
    kept = {"a": False, "b": False}
    *_, messages = improved(monkeypatch, None, kept, {"a": 0, "b": 0}, quantiles=[0.1, 0.9])
    assert messages == [
        f"co-training labels nothing of b: {reason}",
        "co-training ended: enough rounds",
        "  a: verdict on a",
        f"  b: supervised start: {reason}",
    ]


def test_without_a_student_all_stays_as_it_was(monkeypatch):
    kept = {"a": False, "b": False}
    weights, weights_of, provenance, messages = improved(monkeypatch, None, kept, {"a": 0, "b": 0})
    assert marks(weights, weights_of) == {"a": 1.0, "b": 2.0}
    assert len(weights) == 2
    assert provenance.cells.height == 0
    assert messages == ["co-training ended: enough rounds", "  a: verdict on a", "  b: verdict on b"]


def test_a_round_that_was_chosen_and_whose_student_was_worse_is_named_in_the_log_and_in_the_folder(
    monkeypatch, tmp_path
):
    student = fit_result([9.0], {"a": 0, "b": 0})
    kept = {"a": False, "b": True}
    *_, messages = improved(monkeypatch, student, kept, {"a": 1, "b": 1}, tmp_path)
    record = json.loads((tmp_path / "cotraining.json").read_text())
    assert record["kept"] == kept
    assert record["verdicts"]["b"] == "verdict on b"
    assert record["verdicts"]["a"].startswith("supervised start: the network taught by the rounds was worse")
    assert messages[1:] == [f"  {task}: {verdict}" for task, verdict in record["verdicts"].items()]


def test_labels_that_were_taken_out_are_counted_in_the_log_and_in_the_folder(monkeypatch, tmp_path):
    kept = {"a": False, "b": False}
    *_, messages = improved(monkeypatch, None, kept, {"a": 0, "b": 0}, tmp_path, doubted={"a": 3})
    assert messages[0] == "  a: 3 true labels are probably wrong and were taken out"
    assert json.loads((tmp_path / "cotraining.json").read_text())["doubted_labels"] == {"a": 3}


def test_one_task_alone(monkeypatch):
    student = fit_result([9.0], {"a": 0})
    weights, weights_of, provenance, _ = improved(monkeypatch, student, {"a": True}, {"a": 1}, n_tasks=1)
    assert marks(weights, weights_of) == {"a": 9.0}
    assert provenance.cells["round"].to_list() == [2]
