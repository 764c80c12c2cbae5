"""The choice among strategies by validation rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cotrain import tasks as kinds
from cotrain.balancing import Equal
from cotrain.cotraining import (
    Committee,
    CoTraining,
    CoTrainingResult,
    Prediction,
    PseudoLabels,
    TwoViewCoTraining,
    View,
)
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.cotraining.peers import FittedPeer
from cotrain.cotraining.rounds import _strategy_selection
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import candidates, run_rounds, strategy_for_views, together
from cotrain.training import Examples, Training


class Fixed(FittedPeer):
    """Says the truth of the first rows, or of the last, and the next class of the others."""

    def __init__(self, classes: torch.Tensor, n_right: int, n_classes: int, last: bool = False) -> None:
        row = torch.arange(len(classes))[:, None]
        predicted = torch.where((row.flip(0) if last else row) < n_right, classes, (classes + 1) % n_classes)
        self.p = torch.nn.functional.one_hot(predicted, n_classes).float() * 0.8 + 0.2 / n_classes
        self.updates = n_right

    def predictions(self, inputs):
        return {"class": Prediction(probabilities=self.p)}


def outcome(rows: Examples, n_right: int, *, start: int = 20, chosen: int = 1, last: bool = False):
    classes = rows.targets["class"].long()
    peers = [Fixed(classes, start, 3), Fixed(classes, n_right, 3, last)]
    labels = PseudoLabels(classes, torch.ones_like(classes), torch.ones_like(classes), n_right)
    known = rows.masks["class"] > 0
    kept = torch.nonzero(known[:, 0]).flatten()
    return CoTrainingResult(
        records=[],
        chosen={"class": chosen},
        stopped="done",
        verdicts={"class": ""},
        peers=["peer"],
        fitted=[[peer] for peer in peers],
        answering=[0],
        labels={"class": labels},
        held_out={
            "class": HeldOut(
                [Prediction(probabilities=peer.p[kept]) for peer in peers], classes[kept], known[kept]
            )
        },
    )


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_what_held_out_labels_cannot_tell_apart_answers_together(make_problem, margin: float):
    problem = make_problem()
    rows = problem.validation
    outcomes = {
        "good": outcome(rows, 70),
        "as good": outcome(rows, 69, last=True),
        "bad": outcome(rows, 30),
    }
    found = together(problem.tasks, outcomes, margin)
    assert found.verdicts == {"class": "good and as good together, on 80 held-out labels"}
    assert found.labels["class"].round == 70
    assert found.chosen == {"class": 1}
    p = found.predictions(rows.inputs)["class"].probabilities
    assert torch.allclose(p, (outcomes["good"].fitted[1][0].p + outcomes["as good"].fitted[1][0].p) / 2)


@pytest.mark.parametrize(("n_labels", "verdict"), [(19, "first"), (20, "second")])
def test_few_held_out_labels_choose_nothing(make_problem, n_labels: int, verdict: str):
    problem = make_problem()
    rows = problem.validation
    known = torch.arange(len(rows))[:, None] < n_labels
    rows = Examples(rows.inputs, rows.targets, {"class": known})
    found = together(problem.tasks, {"first": outcome(rows, 2, start=0), "second": outcome(rows, 80)})
    assert found.verdicts == {"class": f"{verdict}, on {n_labels} held-out labels"}


def test_the_answer_can_be_not_to_co_train(make_problem):
    problem = make_problem()
    rows = problem.validation
    outcomes = {
        "first": outcome(rows, 60, start=60, chosen=0),
        "no better": outcome(rows, 60, start=30),
        "bad": outcome(rows, 20, start=10),
    }
    found = together(problem.tasks, outcomes, 1.0)
    assert found.chosen == {"class": 0}
    assert found.verdicts["class"] == "supervised start: no strategy was better, on 80 held-out labels"
    assert torch.equal(
        found.predictions(rows.inputs)["class"].probabilities, outcomes["first"].fitted[0][0].p
    )
    assert found.labels["class"].n_accepted == 0


def test_a_strategy_that_is_only_surer_and_less_often_right_does_not_answer(make_problem):
    problem = make_problem()
    rows, [task] = problem.validation, problem.tasks
    found = outcome(rows, 55, start=60)
    # Five rows fewer are right, but it knows which: the loss is lower, the accuracy that is asked for too.
    p = found.held_out["class"].predictions[1].probabilities
    doubted = (torch.arange(80) >= 55)[:, None, None]
    truth = torch.nn.functional.one_hot(rows.targets["class"].long(), 3)
    p = torch.where(doubted, 0.34 * truth + 0.36 * (p > 0.5) + 0.3 * ~((truth > 0) | (p > 0.5)), p)
    held = found.held_out["class"]
    held = replace(held, predictions=[held.predictions[0], Prediction(probabilities=p)])
    assert held.gain(task, held.predictions[1]).exceeds(2)
    together_ = together(problem.tasks, {"surer": replace(found, held_out={"class": held})}, 0.5)
    assert together_.chosen == {"class": 0}


@pytest.mark.parametrize("n_labels", [9, 80])
def test_the_reason_why_nothing_was_judged_is_passed_on(make_problem, n_labels: int):
    problem = make_problem()
    rows = problem.validation
    rows = Examples(rows.inputs, rows.targets, {"class": torch.arange(len(rows))[:, None] < n_labels})

    def kept(reason: str):
        one = outcome(rows, 60, start=60, chosen=0)
        return replace(one, verdicts={"class": f"supervised start: {reason}"})

    few = f"{n_labels} held-out labels are fewer than min_labels=90"
    found = together(problem.tasks, {"first": kept(few), "second": kept(few)}, 0.5)
    assert found.verdicts["class"] == f"supervised start: {few}"
    found = together(problem.tasks, {"first": kept(few), "second": kept("there was no round")}, 0.5)
    assert found.verdicts["class"] == f"supervised start: first: {few}; second: there was no round"


def test_every_round_says_whose_it_is_and_every_label_its_round(make_problem):
    problem, heard = make_problem(labelled=60), []
    run = replace(problem.given(CoTraining("auto", 3, margin=0.0, min_labels=0)), callback=heard.append)
    found = run_rounds(run)
    assert [(one.strategy, one.round) for one in heard] == [
        (one.strategy, one.round) for one in found.records
    ]
    assert {one.strategy for one in found.records} <= set(found.peers)
    assert len({(one.strategy, one.round) for one in found.records}) == len(found.records)
    assert all(line.startswith(f"{one.strategy} round {one.round}") for one in heard for line in one.lines())
    labels = found.labels["class"]
    best = [outcome.outcome for outcome in found.fitted[1] if outcome.outcome.chosen.get("class")]
    if labels.n_accepted:
        assert labels.round in {one.chosen["class"] for one in best}
    alone = problem.run(CoTraining(Committee(), 3, margin=0.0, min_labels=0))
    assert alone.labels["class"].round == alone.chosen["class"]
    assert {one.strategy for one in alone.records} == {""}


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


def test_auto_chooses_on_folds_where_there_are_no_validation_rows(make_problem):
    problem = make_problem(labelled=60)
    found = run_rounds(problem.given(CoTraining("auto", 2), validation=False))
    assert found.verdicts["class"].endswith("on 60 held-out labels")


def test_auto_judges_every_start_that_strategies_may_be_held_against(make_problem, monkeypatch):
    """Without it a strategy whose rounds are all refused has no held-out labels, and none is compared."""
    asked = []

    class Loop(CoTrainingLoop):
        def run(self):
            asked.append(self.given.always_judged)
            return super().run()

    monkeypatch.setattr(_strategy_selection, "CoTrainingLoop", Loop)
    run_rounds(make_problem(labelled=30).given(CoTraining("auto", 1), validation=False))
    assert len(asked) >= 3
    assert all(asked)


def run_with_views(problem):
    problem.factory.named = {
        "left": View({"inputs": torch.tensor([True, True, False, False])}),
        "right": View({"inputs": torch.tensor([False, False, True, True])}),
    }
    return problem.given(CoTraining("auto", views={"left": ["a"], "right": ["b"]}))


def test_strategies_that_the_peers_cannot_follow_are_not_tried(make_problem):
    problem = make_problem(labelled=12)
    tried = candidates(run_with_views(problem))
    assert all(one.online is None for one in tried)
    names = [type(one).__name__ for one in tried]
    assert names[:2] == ["TwoViewCoTraining", "Committee"]
    assert type(candidates(problem.given(CoTraining("auto")))[0]) is Committee


def test_label_spreading_is_not_tried_on_many_rows(make_problem, monkeypatch):
    problem = make_problem()
    tried = candidates(problem.given(CoTraining("auto")))
    monkeypatch.setattr(_strategy_selection, "MOST_TO_SPREAD", 100)
    assert len(candidates(problem.given(CoTraining("auto")))) == len(tried) - 1


def test_views_of_which_one_knows_nothing_are_not_taken_as_the_default(make_problem):
    problem = make_problem(labelled=100)
    inputs = problem.train.inputs["inputs"].clone()
    inputs[:, 2:] = torch.randn(len(inputs), 2, generator=torch.Generator().manual_seed(0))
    problem.train = Examples({"inputs": inputs}, problem.train.targets, problem.train.masks)
    run = run_with_views(problem)
    views, otherwise = TwoViewCoTraining(["left", "right"]), Committee()
    chosen, against = strategy_for_views(run, views, otherwise)
    assert chosen is otherwise
    assert against == "Committee instead of two views: view 'right' knows no more of 'class' than a constant"
    assert type(candidates(run)[0]) is Committee


def test_no_views_are_tried_where_a_text_is_heard():
    settings = CoTraining("auto", views={"left": ["x"], "right": ["y"]})
    task = kinds.Transcription("said")
    factory = NetworkFactory(
        [task],
        build=lambda *_: None,
        balancer=Equal(),
        training=Training(),
        settings=settings,
        shapes={},
        views={"left": View({}), "right": View({})},
    )
    rows = Examples({"x": torch.zeros(2, 1)}, {"said": torch.zeros(2, 1)}, {})
    run = CoTrainingRun(tasks=[task], examples=rows, validation=None, settings=settings, factory=factory)
    names = [type(strategy).__name__ for strategy in candidates(run)]
    assert names == ["Committee", "SelfTraining", "MeanTeacher"]
