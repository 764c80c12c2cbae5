"""Tasks that must agree with what the other tasks say of them."""

from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTraining, CrossTask, CrossTaskPeer
from cotrain.cotraining._fit_cache import FitCache
from cotrain.training import Examples


def test_the_mapping_sees_the_other_tasks_only(make_problem):
    problem = make_problem(kinds_=["class", "level", "size"], labelled=60)
    peer = CrossTaskPeer("mappings", problem.factory.network("behind"))
    fitted = peer.fit(problem.train, None, "key", FitCache())
    predicted = fitted.source.predictions(problem.validation.inputs)
    outputs = torch.cat([predicted["level"].probabilities.flatten(1), predicted["size"].values], dim=1)
    again = fitted.maps["class"].predictions({"outputs": outputs})["class"].probabilities
    mapped = fitted.predictions(problem.validation.inputs)["class"]
    assert torch.equal(again, mapped.probabilities)
    # The level says what the class is, so the mapping is nearly as good as the inputs.
    right = mapped.classes() == problem.validation.targets["class"]
    assert float(right.float().mean()) > 0.8


def test_where_the_tasks_contradict_each_other_nothing_is_labelled(make_problem):
    problem = make_problem(kinds_=["class", "level"], labelled=60, n=300)
    # The level's labels are of other rows than the class's, so that both err in different places.
    row = torch.arange(300)[:, None]
    masks = {"class": row < 9, "level": (row >= 9) & (row < 60)}
    problem.train = Examples(problem.train.inputs, problem.train.targets, masks)
    outcome = problem.run(CoTraining(CrossTask(), 1))
    record = outcome.records[0].tasks[0]
    assert record.accepted > 0
    network, mappings = (
        one.predictions(problem.train.inputs)["class"].classes() for one in outcome.fitted[0]
    )
    disagree = network != mappings
    assert bool(disagree.any())
    alone = float((network == problem.truth.targets["class"])[9:].float().mean())
    assert record.true_accuracy > alone


def test_numbers_go_by_the_distance_of_both_predictions(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=60)
    outcome = problem.run(CoTraining(CrossTask(), 1))
    record = {one.task: one for one in outcome.records[0].tasks}["size"]
    assert 0 < record.coverage <= 0.25


def test_a_mapping_that_knows_nothing_does_not_teach(make_problem):
    problem = make_problem(kinds_=["class", "yes"], labelled=150, n=300)
    # Of the other task there is one value only: its prediction is the same for every row.
    one_value = {**problem.train.targets, "yes": torch.zeros(300, 1)}
    problem.train = Examples(problem.train.inputs, one_value, problem.train.masks)
    outcome = problem.run(CoTraining(CrossTask(), 1))
    assert not outcome.assessments[1]["class"].teaches
    assert outcome.assessments[0]["class"].teaches
    assert {one.task: one for one in outcome.records[0].tasks}["class"].accepted > 0


def test_one_task_has_no_other(make_problem):
    with pytest.raises(InvalidArgumentError, match="there is only 'class'"):
        make_problem().run(CoTraining(CrossTask()))
