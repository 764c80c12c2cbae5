"""A strategy answers as its outcome does, or as its supervised start, for some of its tasks."""

from __future__ import annotations

import pytest
import torch

from cotrain.cotraining import CoTraining, SelfTraining, Threshold
from cotrain.cotraining.rounds._ensemble import StrategyEnsemble


@pytest.fixture
def outcome(make_problem):
    problem = make_problem(kinds_=("class", "yes"), labelled=30)
    found = problem.run(CoTraining(SelfTraining(Threshold(0.6)), 2, margin=0.0, min_labels=0))
    assert found.records, "the rounds have to have changed something"
    return found, problem.validation.inputs


@pytest.mark.parametrize("tasks", [["class"], ["yes"], ["class", "yes"]])
def test_it_answers_as_the_outcome_for_its_tasks(outcome, tasks):
    found, inputs = outcome
    expected = found.predictions(inputs)
    answer = StrategyEnsemble(found, tasks, started=False).predictions(inputs)
    assert list(answer) == tasks
    assert all(torch.equal(answer[task].probabilities, expected[task].probabilities) for task in tasks)


def test_started_it_answers_as_the_supervised_start_whatever_was_chosen(outcome):
    found, inputs = outcome
    answer = StrategyEnsemble(found, ["class"], started=True).predictions(inputs)["class"]
    [start] = found.fitted[0]
    assert torch.equal(answer.probabilities, start.predictions(inputs)["class"].probabilities)


def test_the_outcome_is_left_as_it_was(outcome):
    found, _ = outcome
    before = dict(found.chosen)
    StrategyEnsemble(found, ["class"], started=True)
    assert dict(found.chosen) == before


def test_it_took_as_many_steps_as_the_longest_fit_and_answers_for_no_foreign_task(outcome):
    found, inputs = outcome
    assert StrategyEnsemble(found, ["yes"], started=False).updates == found.updates
    assert StrategyEnsemble(found, [], started=False).predictions(inputs) == {}
    with pytest.raises(KeyError):
        StrategyEnsemble(found, ["size"], started=False)
