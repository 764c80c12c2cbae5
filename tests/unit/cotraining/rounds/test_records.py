"""What a run has to tell: plain, in figures that can be counted again by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from cotrain.cotraining import (
    CoTraining,
    CoTrainingResult,
    FittedPeer,
    Prediction,
    PseudoLabels,
    RoundRecord,
    SelfTraining,
    TaskRound,
    Threshold,
)
from cotrain.cotraining.rounds._pseudo_labels import LabellingResult
from cotrain.cotraining.rounds._records import answers, joint_answer, nothing_accepted, task_round

NAN = math.nan


class Constant(FittedPeer):
    """Says the same of every row."""

    def __init__(self, updates: int = 0, **said: list[float]) -> None:
        self.updates = updates
        self.said = said

    def predictions(self, inputs):
        n_rows = len(inputs["inputs"])
        return {
            task: Prediction(torch.tensor(row)[None, None].repeat(n_rows, 1, 1))
            for task, row in self.said.items()
        }


def found(values: list[int], weights: list[float], surest: float = NAN, note: str = "") -> LabellingResult:
    weight = torch.tensor(weights)[:, None]
    confidence = 0.9 * (weight > 0)
    return LabellingResult(PseudoLabels(torch.tensor(values)[:, None], confidence, weight, 1), surest, note)


def record(task: str = "sold", **changed) -> TaskRound:
    return replace(TaskRound(task, 12, 0.1, {"yes": 12}, 0.9, NAN, 0.99, 0.75, 0.8, 0.82, ""), **changed)


def test_a_round_is_counted_as_means_over_the_learners(make_problem):
    problem = make_problem(n=20, labelled=2)
    [task] = problem.tasks
    rest = [0] * 14
    taught = [
        found([0, 0, 1, 2, 0, 0, *rest], [0, 0, 0.5, 0.5, 0, 0, *rest], 0.95),
        found([0] * 20, [0, 0, 0, 0.4, 0, 0, *rest], 0.7),
    ]
    one = task_round(task, taught, (0.5, 0.6, 0.7), n_free=4, refused="", truth=problem.truth)
    accepted = [labels.labels.accepted for labels in taught]
    assert one.accepted == round(sum(int(a.sum()) for a in accepted) / 2)
    assert one.coverage == pytest.approx(3 / (2 * 4))
    assert one.per_class == {"a": round(1 / 2), "b": round(1 / 2), "c": round(1 / 2)}
    assert one.estimated_accuracy == pytest.approx(0.9)
    right = [
        bool(labels.labels.values[row, 0] == problem.truth.targets["class"][row, 0])
        for labels, where in zip(taught, accepted, strict=True)
        for row in torch.nonzero(where[:, 0]).flatten()
    ]
    assert one.true_accuracy == pytest.approx(sum(right) / 3)
    assert one.surest == 0.95
    assert (one.start, one.before, one.after, one.note) == (0.5, 0.6, 0.7, "")


def test_where_nothing_was_accepted_nothing_is_estimated(make_problem):
    problem = make_problem(n=20, labelled=2, kinds_=("size",))
    taught = [found([0] * 20, [0.0] * 20, note="nothing was sure enough")] * 2
    one = task_round(problem.tasks[0], taught, (NAN, NAN, NAN), n_free=0, refused="it fell", truth=None)
    assert (one.accepted, one.coverage, one.per_class) == (0, 0.0, {})
    assert all(math.isnan(value) for value in (one.estimated_accuracy, one.true_accuracy, one.surest))
    assert one.note == "nothing was sure enough; refused: it fell"


def test_of_numbers_no_accuracy_is_estimated(make_problem):
    # Their confidence is a rank among the rows: of 30 rows it is one half where the teachers cannot tell.
    problem = make_problem(n=20, labelled=2, kinds_=("size",))
    one = task_round(
        problem.tasks[0], [found([0] * 20, [0.5] * 20)], (NAN, NAN, NAN), n_free=20, refused="", truth=None
    )
    assert one.accepted == 20
    assert math.isnan(one.estimated_accuracy)


def test_no_learner_at_all_is_counted_too(make_problem):
    [task] = make_problem(n=20, labelled=2).tasks
    one = task_round(task, [], (0.5, 0.5, 0.5), n_free=4, refused="", truth=None)
    assert (one.accepted, one.coverage, one.per_class) == (0, 0.0, {"a": 0, "b": 0, "c": 0})


def test_a_record_is_json_without_what_is_no_number():
    plain = RoundRecord(1, [record(), record("price", start=NAN, estimated_accuracy=NAN)], [30, 30]).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["updates"] == [30, 30]
    assert "true_accuracy" not in plain["tasks"]["sold"]
    assert {"start", "estimated_accuracy"}.isdisjoint(plain["tasks"]["price"])


def test_a_record_is_a_line_a_task():
    one = RoundRecord(2, [record(), record("price", estimated_accuracy=NAN, after=NAN, note="refused")], [30])
    assert one.lines() == [
        "round 2  sold: 12 accepted (10%), estimated accuracy 0.90, validation 0.8 -> 0.82 (start 0.75)",
        "round 2  price: 12 accepted (10%), refused",
    ]


def test_the_joint_answer_is_the_mean_of_those_that_know_the_task():
    one, other = Constant(sold=[0.2, 0.8], price=[1.0, 0.0]), Constant(sold=[0.6, 0.4])
    inputs = {"inputs": torch.zeros(3, 1)}
    joint = answers([one, other, Constant(sold=[1.0, 0.0])], [0, 1], inputs)
    assert joint["sold"].probabilities[0, 0].tolist() == pytest.approx([0.4, 0.6])
    assert joint["price"].probabilities[0, 0].tolist() == [1.0, 0.0]
    assert joint["sold"].agree.tolist() == [[False]] * 3
    assert joint_answer([]) == {}


def result(chosen: dict[str, int], fitted: list[list[FittedPeer]]) -> CoTrainingResult:
    return CoTrainingResult(
        records=[RoundRecord(1, [record()], [30])],
        chosen=chosen,
        stopped="patience",
        verdicts=dict.fromkeys(chosen, "kept"),
        peers=["one"],
        fitted=fitted,
        answering=[0],
        labels={"sold": found([1, 0], [0.5, 0.0]).labels},
    )


def test_each_task_is_answered_by_its_own_round():
    start = Constant(3, sold=[1.0, 0.0], price=[1.0, 0.0])
    later = Constant(9, sold=[0.0, 1.0], price=[0.0, 1.0])
    outcome = result({"sold": 1, "price": 0}, [[start], [later]])
    answer = outcome.predictions({"inputs": torch.zeros(2, 1)})
    assert answer["sold"].classes().flatten().tolist() == [1, 1]
    assert answer["price"].classes().flatten().tolist() == [0, 0]
    assert outcome.updates == 9


def test_rounds_that_nobody_chose_are_not_asked():
    """Of a run that has ended only the fits that answer are kept."""
    outcome = result({"sold": 1}, [[], [Constant(sold=[0.0, 1.0])]])
    assert outcome.predictions({"inputs": torch.zeros(2, 1)})["sold"].classes().sum() == 2
    assert outcome.updates == 0


def test_all_of_a_run_is_plain_json(make_problem):
    outcome = make_problem(labelled=30).run(CoTraining(SelfTraining(Threshold(0.6)), 2, margin=0.0))
    plain = outcome.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["accepted"] == {"class": int(outcome.labels["class"].accepted.sum())}
    assert [one["round"] for one in plain["rounds"]] == list(range(1, len(outcome.records) + 1))
    small = result({"sold": 1}, [[Constant()]]).to_json()
    assert (small["accepted"], small["held_out_labels"], small["pool"]) == ({"sold": 1}, {}, 0)


def test_why_nothing_was_accepted_is_said_once_a_reason():
    unsure = found([0, 0], [0.0, 0.0], 0.7234, "nothing was sure enough")
    full = found([0, 0], [0.0, 0.0], NAN, "no unlabelled cell")
    taught = [{"sold": unsure, "price": full}, {"sold": unsure, "price": full}]
    assert nothing_accepted(taught) == (
        "nothing was accepted: price: no unlabelled cell; sold: nothing was sure enough (surest 0.72)"
    )


def test_a_reason_of_several_learners_stands_once_with_the_surest_of_them():
    taught = [{"sold": found([0], [0.0], surest, "nothing was sure enough")} for surest in (0.72, 0.79, NAN)]
    assert nothing_accepted(taught) == "nothing was accepted: sold: nothing was sure enough (surest 0.79)"
