"""Maps from what a network says of the other tasks, against scikit-learn called by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CrossTaskPeer
from cotrain.cotraining._fit_cache import FitCache
from cotrain.training import Examples

KINDS = ("class", "yes", "size", "level", "tags")


def by_hand(source, tasks, name, examples, asked):
    """Fit the map of one task to the outputs of the others, column by column, and predict rows by it."""

    def outputs(inputs):
        columns = []
        for task in tasks:
            if task.name != name:
                found = source.predictions(inputs)[task.name]
                part = found.values if not task.has_classes else found.probabilities
                columns += [part.reshape(len(part), -1).numpy()]
        return np.concatenate(columns, axis=1)

    task = next(task for task in tasks if task.name == name)
    known = (examples.masks[name] > 0)[:, 0].numpy()
    targets = examples.targets[name].numpy()
    rows, new = outputs(examples.inputs)[known], outputs(asked)
    if not task.has_classes:
        return Ridge().fit(rows, targets[known, 0]).predict(new)[:, None]
    found = []
    for t in range(targets.shape[1]):
        model = LogisticRegression(max_iter=500).fit(rows, targets[known, t].astype(int))
        found.append(model.predict_proba(new))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("name", KINDS)
def test_each_map_is_the_linear_model_of_the_other_tasks_outputs(make_problem, name):
    problem = make_problem(kinds_=KINDS, labelled=60)
    peer = CrossTaskPeer("maps", problem.factory.network("behind"))
    fitted = peer.fit(problem.train, None, "key", FitCache())
    asked = problem.validation.inputs
    expected = by_hand(fitted.source, problem.tasks, name, problem.train, asked)
    answer = fitted.predictions(asked)[name]
    found = answer.values if answer.probabilities is None else answer.probabilities
    assert found.numpy() == pytest.approx(expected, abs=1e-4)


def test_what_the_network_says_of_a_task_does_not_reach_its_own_map(make_problem):
    problem = make_problem(kinds_=("class", "level"), labelled=60)
    fitted = CrossTaskPeer("maps", problem.factory.network("behind")).fit(
        problem.train, None, "key", FitCache()
    )
    asked = problem.validation.inputs
    before = fitted.predictions(asked)
    said = fitted.source.predictions(asked)
    said["class"].probabilities.fill_(1 / 3)
    fitted.source.predictions = lambda inputs: said
    after = fitted.predictions(asked)
    assert torch.equal(after["class"].probabilities, before["class"].probabilities)
    assert not torch.equal(after["level"].probabilities, before["level"].probabilities)


def test_a_row_that_has_labels_of_other_tasks_only_is_learned_by_those(make_problem):
    problem = make_problem(kinds_=("class", "level"), labelled=60)
    row = torch.arange(200)[:, None]
    masks = {"class": row < 30, "level": (row >= 30) & (row < 60)}
    examples = Examples(problem.train.inputs, problem.train.targets, masks)
    fitted = CrossTaskPeer("maps", problem.factory.network("behind")).fit(examples, None, "key", FitCache())
    expected = by_hand(fitted.source, problem.tasks, "class", examples, problem.validation.inputs)
    answer = fitted.predictions(problem.validation.inputs)["class"].probabilities
    assert answer.numpy() == pytest.approx(expected, abs=1e-4)


def test_the_steps_are_those_of_the_network_behind_it(make_problem):
    problem = make_problem(kinds_=("class", "level"), labelled=60)
    source = problem.factory.network("behind")
    fit = source.fit

    def counted(*arguments, **more):
        fitted = fit(*arguments, **more)
        fitted.updates = 17
        return fitted

    source.fit = counted
    peer = CrossTaskPeer("maps", source)
    assert peer.tasks == problem.tasks
    assert peer.fit(problem.train, None, "key", FitCache()).updates == 17


def test_a_source_of_one_task_has_no_other_to_say_anything_of(make_problem):
    with pytest.raises(InvalidArgumentError, match=r"'maps'.*only 'class'.*two or more tasks"):
        CrossTaskPeer("maps", make_problem().factory.network("behind"))
