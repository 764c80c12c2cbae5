"""Labelled rows that are not drawn as the unlabelled ones are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from cotrain.cotraining import CoTrainingClassifier, CoTrainingRegressor
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.cotraining.guards._likeness import can_be_unlike, unlikeness
from cotrain.tasks import Binary, Multiclass, Regression, Segmentation, Tagging


def told(labelled: np.ndarray, pool: np.ndarray, *, units: torch.Tensor | None = None) -> str:
    """Return what is said of one column of probabilities."""
    sides = [torch.from_numpy(np.stack([1 - p, p], axis=-1)[:, None]) for p in (labelled, pool)]
    n = len(labelled)
    held = HeldOut([Prediction(sides[0])], torch.zeros(n, 1), torch.ones(n, 1, dtype=torch.bool), units)
    return unlikeness(Binary("sold"), [held], [Prediction(sides[1])])


def test_rows_that_are_drawn_alike_are_seldom_said_to_differ():
    draws = [np.random.default_rng(seed).random(540) for seed in range(500)]
    for n in (20, 200):
        alarms = sum(bool(told(draw[:n], draw[n:])) for draw in draws)
        # Of 500 draws 5 are expected, and more than 12 in one of a thousand times.
        assert alarms <= 12


def test_other_rows_are_said_to_differ_and_by_how_much():
    random = np.random.default_rng(0)
    said = told(random.random(100) ** 4, random.random(400))
    assert "labelled and unlabelled rows differ" in said
    assert 0.3 < float(said.split(" of 1 apart")[0].split()[-1]) < 0.7


def test_rows_of_a_unit_count_as_one():
    random = np.random.default_rng(0)
    labelled, pool = np.repeat(random.random(5) ** 2, 20), random.random(400)
    assert told(labelled, pool)
    assert not told(labelled, pool, units=torch.arange(5).repeat_interleave(20))


def test_nothing_is_said_of_no_rows_and_of_what_is_not_finite():
    some, none = np.full(30, 0.5), np.zeros(0)
    assert [told(some, none), told(none, some), told(some, np.full(50, np.nan))] == ["", "", ""]
    assert not unlikeness(Multiclass("kind"), [], [])
    assert not unlikeness(Regression("price"), [], [])


@pytest.mark.parametrize("strategy", [None, "auto"])
@pytest.mark.parametrize("fraction", [0.0, 0.4])
@pytest.mark.parametrize("cls", [CoTrainingClassifier, CoTrainingRegressor])
def test_estimators_tell_of_labelled_rows_that_are_the_easy_ones(cls, fraction, strategy):
    random = np.random.default_rng(0)
    x = random.normal(size=(900, 3))
    side = x.sum(axis=1)
    order = np.argsort(-np.abs(side))
    numbers = cls is CoTrainingRegressor
    estimator = Ridge() if numbers else LogisticRegression()
    for easy, chosen in ((True, order[:300]), (False, random.permutation(900)[:300])):
        y = np.full(900, np.nan if numbers else -1.0)
        y[chosen] = side[chosen] if numbers else side[chosen] > 0
        model = cls(
            strategy, estimator=estimator, max_rounds=1, validation_fraction=fraction, random_state=0
        ).fit(x, y)
        assert bool(model.history_["unlike"]) == easy
        assert model.history_["held_out_labels"]["y"] == (120 if fraction else 300)


@pytest.mark.parametrize(
    ("task", "asked"),
    [(Multiclass("y"), True), (Regression("y"), True), (Tagging("y"), False), (Segmentation("y"), False)],
)
def test_only_tasks_with_one_answer_a_row_are_asked(task, asked):
    assert can_be_unlike(task) == asked
