"""Strategies whose networks go on from pass to pass."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import (
    CoTraining,
    CoTrainingResult,
    CrossPseudoSupervision,
    MeanTeacher,
    Strategy,
    Threshold,
)
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.rounds import _online_training
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop

STRATEGIES = [MeanTeacher(Threshold(0.8)), CrossPseudoSupervision(Threshold(0.8))]


class Killed(BaseException):
    pass


def run(problem: Any, strategy: Strategy, folder: Path | None = None, **more: Any) -> CoTrainingResult:
    settings = CoTraining(strategy, 3, updates=30, pseudo_weight=1.0, margin=0.0, min_labels=0)
    given = problem.given(
        settings, validation=False, factory=problem.networks(settings), cache=FitCache(folder)
    )
    return CoTrainingLoop(replace(given, **more)).run()


def accuracy(problem: Any, outcome: CoTrainingResult, chosen: int | None = None) -> float:
    chosen_of = outcome.chosen if chosen is None else dict.fromkeys(outcome.chosen, chosen)
    answer = CoTrainingResult(**{**outcome.__dict__, "chosen": chosen_of}).predictions(
        problem.validation.inputs
    )
    return float((answer["class"].classes() == problem.validation.targets["class"]).float().mean())


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_rounds_are_moments_of_one_fit_and_end_above_the_start(make_problem, strategy):
    problem = make_problem(n=300, labelled=9)
    outcome = run(problem, strategy)
    steps = [[one.updates for one in fitted] for fitted in outcome.fitted]
    assert all(later[0] - before[0] > 15 for before, later in pairwise(steps))
    assert outcome.chosen["class"] > 0
    assert accuracy(problem, outcome) >= accuracy(problem, outcome, 0)
    assert outcome.records[-1].tasks[0].true_accuracy > 0.8


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("deaths", [4])
def test_killed_between_two_passes_and_resumed_it_ends_bit_identical(
    make_problem, strategy, deaths, tmp_path, monkeypatch
):
    problem = make_problem(n=120, labelled=12)
    expected = run(problem, strategy).predictions(problem.validation.inputs)
    passes = 0
    take = _online_training.OnlineTraining._take_pass

    def dying(training: Any, round_: int) -> None:
        nonlocal passes
        passes += 1
        if passes == deaths:
            raise Killed
        take(training, round_)

    monkeypatch.setattr(_online_training.OnlineTraining, "_take_pass", dying)
    monkeypatch.setattr(
        _online_training.Checkpoints, "due", lambda self, *, epoch_ended: self.path is not None
    )
    with pytest.raises(Killed):
        run(problem, strategy, tmp_path)
    outcome = run(problem, strategy, tmp_path)
    found = outcome.predictions(problem.validation.inputs)
    assert torch.equal(found["class"].probabilities, expected["class"].probabilities)


def test_numbers_learn_from_their_true_labels_only_unless_asked(make_problem):
    problem = make_problem(kinds_=("class", "size"))
    held = problem.validation
    notes = [record.tasks[1].note for record in run(problem, STRATEGIES[0], validation=held).records]
    assert set(notes) == {"the strategy does not label numbers"}
    asked = MeanTeacher(Threshold(0.5), number_weight=0.3)
    assert run(problem, asked, validation=held).records[0].tasks[1].accepted > 0


def test_an_estimator_cannot_go_on(make_problem):
    problem = make_problem()
    with pytest.raises(InvalidArgumentError, match=r"is a EstimatorPeer, which is fitted at once"):
        problem.run(CoTraining(MeanTeacher(Threshold(0.5)), 2))
