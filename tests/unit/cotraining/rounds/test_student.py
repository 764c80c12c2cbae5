"""The last network: what it learns from, and which tasks it may answer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from cotrain.cotraining import CoTraining, FittedNetwork, PseudoLabels, SelfTraining, Threshold
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.rounds import _student
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._student import fit_student
from cotrain.training import FitResult


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
    monkeypatch.setattr(_student, "_value", lambda *_: next(values))
    _, kept = fit_student(run, factory, start, outcome)
    assert kept == dict.fromkeys(outcome.chosen, answers)


def test_the_smaller_error_is_the_better_one(make_problem):
    """Of a metric that should be small the value turns its sign."""
    problem = make_problem(kinds_=("class", "size"))
    inputs = problem.validation.inputs
    good = problem.factory.network("linear").fit(problem.truth, None, "good", FitCache()).predictions(inputs)
    for task in problem.tasks:
        worse = good[task.name].take(torch.randperm(80, generator=torch.Generator().manual_seed(0)))
        right, wrong = (_student._value(task, one, problem.validation) for one in (good[task.name], worse))
        assert right > wrong


def test_a_task_whose_start_answers_keeps_it_whatever_the_student_can(distilled):
    run, factory, start, outcome = distilled
    chosen = {task: int(number > 0) for number, task in enumerate(outcome.chosen)}
    _, kept = fit_student(run, factory, start, replace(outcome, chosen=chosen))
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
