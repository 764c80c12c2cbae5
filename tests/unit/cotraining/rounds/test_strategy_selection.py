"""The choice among strategies by validation rows."""

from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import (
    Committee,
    CoTraining,
    CoTrainingResult,
    Prediction,
    PseudoLabels,
)
from cotrain.cotraining.peers import FittedPeer
from cotrain.cotraining.rounds._strategy_selection import candidates, run_rounds, together
from cotrain.training import Examples


class Fixed(FittedPeer):
    """Says the truth of the first rows, or of the last, and the next class of the others."""

    def __init__(self, classes: torch.Tensor, n_right: int, n_classes: int, last: bool = False) -> None:
        row = torch.arange(len(classes))[:, None]
        predicted = torch.where((row.flip(0) if last else row) < n_right, classes, (classes + 1) % n_classes)
        self.p = torch.nn.functional.one_hot(predicted, n_classes).float() * 0.8 + 0.2 / n_classes
        self.updates = n_right

    def predictions(self, inputs):
        return {"class": Prediction(probabilities=self.p)}


def outcome(classes: torch.Tensor, n_right: int, chosen: int = 1, last: bool = False) -> CoTrainingResult:
    start, after = Fixed(classes, 0, 3), Fixed(classes, n_right, 3, last)
    labels = PseudoLabels(classes, torch.ones_like(classes), torch.ones_like(classes), n_right)
    return CoTrainingResult(
        records=[],
        chosen={"class": chosen},
        stopped="done",
        verdicts={"class": ""},
        peers=["peer"],
        fitted=[[start], [after]],
        answering=[0],
        labels={"class": labels},
    )


def test_what_validation_cannot_tell_apart_answers_together_and_the_rest_does_not(make_problem):
    problem = make_problem()
    rows = problem.validation
    classes = rows.targets["class"].long()
    found = together(
        problem.tasks,
        {
            "good": outcome(classes, 70),
            "as good": outcome(classes, 69, last=True),
            "bad": outcome(classes, 30),
        },
        rows,
    )
    assert found.verdicts == {"class": "good and as good together"}
    assert found.labels["class"].round == 70
    assert found.chosen == {"class": 1}
    p = found.predictions(rows.inputs)["class"].probabilities
    expected = (outcome(classes, 70).fitted[1][0].p + outcome(classes, 69, last=True).fitted[1][0].p) / 2
    assert torch.allclose(p, expected)


@pytest.mark.parametrize(("n_labels", "verdict"), [(19, "first"), (20, "second")])
def test_few_validation_labels_choose_nothing(make_problem, n_labels: int, verdict: str):
    problem = make_problem()
    rows = problem.validation
    known = torch.arange(len(rows))[:, None] < n_labels
    rows = Examples(rows.inputs, rows.targets, {"class": known})
    classes = rows.targets["class"].long()
    found = together(problem.tasks, {"first": outcome(classes, 2), "second": outcome(classes, 80)}, rows)
    assert found.verdicts == {"class": verdict}


def test_if_the_best_is_a_supervised_start_that_answers(make_problem):
    problem = make_problem()
    classes = problem.validation.targets["class"].long()
    start = outcome(classes, 0, chosen=0)
    start.fitted[0][0].p = Fixed(classes, 80, 3).p
    found = together(problem.tasks, {"start": start, "bad": outcome(classes, 20)}, problem.validation)
    assert found.chosen == {"class": 0}
    assert found.verdicts["class"].startswith("supervised start")
    assert torch.equal(
        found.predictions(problem.validation.inputs)["class"].probabilities, start.fitted[0][0].p
    )


def test_auto_is_a_run_like_any_other(make_problem):
    problem = make_problem(labelled=15)
    settings = CoTraining("auto", 2)
    found = run_rounds(problem.given(settings))
    assert len(found.peers) >= 3
    prediction = found.predictions(problem.validation.inputs)["class"]
    right = prediction.classes() == problem.validation.targets["class"]
    single = problem.run(CoTraining(Committee(), 2)).predictions(problem.validation.inputs)["class"]
    assert (
        right.float().mean()
        >= (single.classes() == problem.validation.targets["class"]).float().mean() - 0.03
    )


def test_auto_without_validation_rows_says_what_it_needs(make_problem):
    problem = make_problem()
    with pytest.raises(InvalidArgumentError, match="'auto', which chooses by validation rows"):
        run_rounds(problem.given(CoTraining("auto"), validation=False))


def test_strategies_that_the_peers_cannot_follow_are_not_tried(make_problem):
    problem = make_problem()
    tried = candidates(CoTraining("auto", views={"left": ["a"], "right": ["b"]}), problem.factory, 100)
    assert all(one.online is None for one in tried)
    names = [type(one).__name__ for one in tried]
    assert names[:2] == ["TwoViewCoTraining", "Committee"]
    assert type(candidates(CoTraining("auto"), problem.factory, 100)[0]) is Committee
    assert len(candidates(CoTraining("auto"), problem.factory, 10**6)) == len(tried) - 2
