"""A run cannot be changed; doubtful labels go out before it; and the student learns what it found out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import (
    CoTraining,
    CrossPseudoSupervision,
    FittedNetwork,
    MeanTeacher,
    PseudoLabels,
    SelfTraining,
    Threshold,
)
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.rounds import _run
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import cleaned, fit_student
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.training import FitResult


def test_a_run_cannot_be_changed_and_keeps_nothing_by_default(make_problem):
    run = make_problem().given(CoTraining())
    with pytest.raises(FrozenInstanceError):
        run.seed = 3
    assert run.cache.path("online") is None


def test_the_loop_needs_one_strategy(make_problem):
    with pytest.raises(InvalidArgumentError, match=r"cotraining.strategy is 'auto': the loop needs one"):
        CoTrainingLoop(make_problem().given(CoTraining("auto")))


KINDS = ("class", "yes", "size", "level", "tags")


def flipped(problem: Any, every: int = 4) -> tuple[Any, torch.Tensor]:
    """Return the problem with every n-th label of its classes wrong, and which these are."""
    wrong = (torch.arange(len(problem.train)) % every == 0)[:, None] & problem.train.masks["class"]
    targets = {**problem.train.targets}
    targets["class"] = torch.where(wrong, (targets["class"] + 1) % 3, targets["class"])
    return replace(problem, train=replace(problem.train, targets=targets)), wrong


def test_wrong_labels_are_taken_out_and_few_others(make_problem: Callable[..., Any]):
    problem, wrong = flipped(make_problem(labelled=150))
    run, counts = cleaned(problem.given(CoTraining(label_noise="confident")))
    gone = problem.train.masks["class"] & ~(run.examples.masks["class"] > 0)
    assert counts == {"class": int(gone.sum())}
    # The blobs overlap: a label that another blob could have is not to be found.
    assert float(gone[wrong].float().mean()) > 0.5
    assert int((gone & ~wrong).sum()) < 0.3 * int(gone.sum())


def test_who_doubts_a_label_has_not_learned_it(make_problem: Callable[..., Any]):
    # A tree knows all the labels that it has learned by heart, and would doubt none of them.
    problem, wrong = flipped(make_problem(labelled=150))
    problem.factory.classifier = DecisionTreeClassifier(max_depth=30, random_state=0)
    run, counts = cleaned(problem.given(CoTraining(label_noise="confident")))
    assert counts["class"] > 0.5 * int(wrong.sum())
    assert not bool((run.examples.masks["class"] > 0)[wrong].all())


def test_the_validation_rows_and_the_given_rows_stay(make_problem: Callable[..., Any]):
    problem, _ = flipped(make_problem())
    before = problem.train.masks["class"].clone()
    run, _ = cleaned(problem.given(CoTraining(label_noise="confident")))
    assert run.validation is problem.validation
    assert torch.equal(problem.train.masks["class"], before)
    assert run.examples.targets["class"] is problem.train.targets["class"]


def test_nothing_is_looked_for_unless_it_is_asked_for(make_problem: Callable[..., Any]):
    given_ = make_problem().given(CoTraining())
    run, counts = cleaned(given_)
    assert run is given_
    assert counts == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_goes_through(make_problem: Callable[..., Any], kind: str):
    run, counts = cleaned(
        make_problem(kinds_=(kind,)).given(CoTraining(max_rounds=1, label_noise="confident"))
    )
    assert list(counts) == [kind]
    assert kind != "size" or counts[kind] == 0
    assert bool((run.examples.masks[kind] > 0).any())
    run_rounds(run)


def test_a_word_that_is_none_is_refused():
    with pytest.raises(InvalidArgumentError, match="label_noise is 'drop': expected keep or confident"):
        CoTraining(label_noise="drop")


@pytest.fixture(params=[("class",), ("class", "size")])
def distilled(make_problem, request):
    """Return the run, its factory, its start and what its rounds left, with accepted labels."""
    problem = make_problem(kinds_=request.param, labelled=24, n=160)
    settings = CoTraining(SelfTraining(Threshold(0.5)), 1, updates=20, margin=0.0, min_labels=0)
    factory = problem.networks(settings)
    run = problem.given(settings, factory=factory)
    outcome = CoTrainingLoop(run).run()
    labels = {task.name: _all_labelled(problem, task.name) for task in problem.tasks}
    outcome = replace(outcome, labels=labels, chosen={task.name: 1 for task in problem.tasks})
    start = outcome.fitted[0][0]
    assert isinstance(start, FittedNetwork)
    return run, factory, start.result, outcome


def _all_labelled(problem, task: str) -> PseudoLabels:
    """Return the truth as pseudo-labels of every cell without a label."""
    free = ~(problem.train.masks[task] > 0)
    values = torch.where(free, problem.truth.targets[task], torch.zeros_like(problem.truth.targets[task]))
    return PseudoLabels(values, free.float(), 0.5 * free.float(), 1, "truth")


def test_without_any_accepted_label_there_is_nothing_to_learn(distilled):
    run, factory, start, outcome = distilled
    nothing = {task: PseudoLabels.none(labels.values) for task, labels in outcome.labels.items()}
    fitted, kept = fit_student(run, factory, start, replace(outcome, labels=nothing))
    assert fitted is None
    assert kept == dict.fromkeys(outcome.chosen, False)


def test_it_learns_from_true_labels_and_pseudo_labels_together(distilled, monkeypatch):
    run, factory, start, outcome = distilled
    seen = {}
    network = factory.network

    def watched(*arguments, **more):
        peer = network(*arguments, **more)
        fit = peer.fit

        def noted(examples, validation, key, cache, *, true=None):
            seen.update(rows=examples, key=key, true=true)
            return fit(examples, validation, key, cache, true=true)

        peer.fit = noted
        return peer

    monkeypatch.setattr(factory, "network", watched)
    fitted, _ = fit_student(run, factory, start, outcome)
    assert isinstance(fitted, FitResult)
    for task in run.tasks:
        true = run.examples.masks[task.name] > 0
        targets, weights = seen["rows"].targets[task.name], seen["rows"].masks[task.name]
        assert torch.equal(targets[true], run.examples.targets[task.name][true])
        assert (weights[true] == 1).all()
        assert (weights[~true] == 0.5).all()
    assert torch.equal(seen["true"], run.examples.labelled().any(dim=1))
    assert seen["key"] == "student"


@pytest.mark.parametrize(
    ("before", "after", "answers"),
    [(0.7, 0.8, True), (0.7, 0.7, True), (0.7, 0.6, False), (math.nan, 0.1, True), (0.7, math.nan, False)],
)
def test_it_answers_where_it_is_not_worse_than_the_start(distilled, monkeypatch, before, after, answers):
    run, factory, start, outcome = distilled
    values = iter([before, after] * len(run.tasks))
    monkeypatch.setattr(_run, "_value", lambda *_: next(values))
    _, kept = fit_student(run, factory, start, outcome)
    assert kept == dict.fromkeys(outcome.chosen, answers)


def test_the_smaller_error_is_the_better_one(make_problem):
    """Of a metric that should be small the value turns its sign."""
    problem = make_problem(kinds_=("class", "size"))
    inputs = problem.validation.inputs
    good = problem.factory.network("linear").fit(problem.truth, None, "good", FitCache()).predictions(inputs)
    for task in problem.tasks:
        worse = good[task.name].take(torch.randperm(80, generator=torch.Generator().manual_seed(0)))
        right, wrong = (_run._value(task, one, problem.validation) for one in (good[task.name], worse))
        assert right > wrong


def test_a_task_whose_start_answers_keeps_it_whatever_the_student_can(distilled):
    run, factory, start, outcome = distilled
    chosen = {task: int(number > 0) for number, task in enumerate(outcome.chosen)}
    for one in (run, replace(run, validation=None)):
        _, kept = fit_student(one, factory, start, replace(outcome, chosen=chosen))
        assert kept[run.tasks[0].name] is False


def test_without_validation_rows_every_chosen_task_is_answered(distilled):
    run, factory, start, outcome = distilled
    fitted, kept = fit_student(replace(run, validation=None), factory, start, outcome)
    assert fitted is not None
    assert kept == dict.fromkeys(outcome.chosen, True)


def test_a_second_time_it_is_read_and_not_fitted(distilled, tmp_path):
    run, factory, start, outcome = distilled
    kept_run = replace(run, cache=FitCache(tmp_path))
    first, _ = fit_student(kept_run, factory, start, outcome)
    assert (tmp_path / "student.fit.pt").exists()
    second, _ = fit_student(kept_run, factory, start, outcome)
    weights = zip(first.weights[0].values(), second.weights[0].values(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


@pytest.mark.parametrize("strategy", [MeanTeacher, CrossPseudoSupervision])
@pytest.mark.parametrize("judged", [True, False])
def test_networks_that_go_on_through_the_rounds_answer_themselves(make_problem, strategy: type, judged: bool):
    """Fitted anew to the labels of one round they would be others than those that the guards have judged."""
    problem = make_problem(kinds_=("class", "yes"), labelled=24, n=160)
    settings = CoTraining(strategy(Threshold(0.5)), 2, updates=20, margin=0.0, min_labels=0)
    factory = problem.networks(settings)
    run = problem.given(settings, factory=factory)
    outcome = CoTrainingLoop(run).run()
    outcome = replace(outcome, chosen={"class": 1, "yes": 2})
    start = outcome.fitted[0][0]
    assert isinstance(start, FittedNetwork)
    fitted, kept = fit_student(
        run if judged else replace(run, validation=None), factory, start.result, outcome
    )
    assert fitted is not None
    assert judged or kept == {"class": True, "yes": True}
    answer = FittedNetwork(run.tasks, start.model, fitted).predictions(run.validation.inputs)
    for task in run.tasks:
        networks = [outcome.fitted[outcome.chosen[task.name]][number] for number in outcome.answering]
        said = [one.predictions(run.validation.inputs)[task.name] for one in networks]
        values = [_run._value(task, one, run.validation) for one in said]
        best = said[int(np.argmax(values)) if judged else 0]
        assert torch.equal(answer[task.name].probabilities, best.probabilities)


def test_a_network_of_another_form_is_not_taken_for_the_learner_s_own(make_problem):
    problem = make_problem(labelled=24, n=160)
    settings = CoTraining(MeanTeacher(Threshold(0.5)), 1, updates=20, margin=0.0, min_labels=0)
    factory = problem.networks(settings)
    run = problem.given(settings, factory=factory)
    outcome = CoTrainingLoop(run).run()
    start = outcome.fitted[0][0].result
    other = replace(start, weights=[{name: w[:1] for name, w in start.weights[0].items()}])
    assert _run._network_of_rounds(run, start, replace(outcome, chosen={"class": 1})) is not None
    assert _run._network_of_rounds(run, other, replace(outcome, chosen={"class": 1})) is None
    assert _run._network_of_rounds(run, start, replace(outcome, chosen={"class": 0})) is None


def test_a_network_that_validation_cannot_judge_stands_below_all_others(make_problem):
    problem = make_problem(labelled=20)
    peer = problem.networks(CoTraining(updates=2)).network("first")
    fitted = peer.fit(problem.train, None, "start", FitCache())
    rows, [task] = problem.validation, problem.tasks
    unknown = replace(rows, masks={task.name: torch.zeros_like(rows.masks[task.name])})
    assert _run._standing(task, fitted, unknown) == -math.inf
    assert _run._standing(task, fitted, rows) > 0
    assert _run._standing(task, fitted, None) == 0.0
