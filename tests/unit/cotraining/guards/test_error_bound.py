"""The error bound of tri-training, against the paper's pseudo-code written out."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from texts import coded, saying, text_task

from cotrain import tasks as kinds
from cotrain.cotraining import CoTraining, TriTraining, prediction_of_output
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.guards._error_bound import ErrorBounds, allowed_labels, joint_error
from cotrain.training import Examples


def as_in_the_paper(e: Fraction, e_prime: Fraction, n: int, l_prime: int) -> tuple[int, int]:
    """Zhou & Li 2005, table 1, the body of the inner loops, in exact numbers."""
    update, size = False, n
    if e < e_prime:
        if l_prime == 0:
            l_prime = math.floor(e / (e_prime - e) + 1)
        if l_prime < n:
            if e * n < e_prime * l_prime:
                update = True
            elif l_prime > e / (e_prime - e):
                size = math.ceil(e_prime * l_prime / e - 1)
                update = True
    return (size if update else 0), l_prime


@given(e=st.integers(0, 16), before=st.integers(0, 16), n=st.integers(0, 400), n_before=st.integers(0, 200))
def test_equals_the_paper(e: int, before: int, n: int, n_before: int):
    # Sixteenths are exact in floating point, and so are their products with whole numbers.
    expected = as_in_the_paper(Fraction(e, 16), Fraction(before, 16), n, n_before)
    assert allowed_labels(e / 16, before / 16, n, n_before) == expected


@given(e=st.floats(0, 1), before=st.floats(0, 0.5), n=st.integers(0, 10_000), n_before=st.integers(1, 10_000))
def test_what_is_allowed_has_fewer_errors_than_before(e: float, before: float, n: int, n_before: int):
    allowed, _ = allowed_labels(e, before, n, n_before)
    assert 0 <= allowed <= n
    if allowed:
        assert e < before
        assert e * allowed < before * n_before * (1 + 1e-9)


def two(first: list[int], second: list[int]) -> list[Prediction]:
    return [
        Prediction(probabilities=torch.nn.functional.one_hot(torch.tensor(c), 2).float()[:, None])
        for c in (first, second)
    ]


@pytest.fixture
def task() -> kinds.Multiclass:
    made = kinds.Multiclass("c")
    made.fit(pl.DataFrame({"c": [0, 1] * 2}))
    return made


def rows(labels: list[int], known: int) -> Examples:
    targets = torch.tensor(labels)[:, None]
    mask = torch.arange(len(labels))[:, None] < known
    return Examples({"inputs": torch.zeros(len(labels), 1)}, {"c": targets}, {"c": mask})


def test_the_error_is_that_of_what_both_say(task):
    # Alike in rows 0, 1 and 3, of which row 3 is wrong; the last row has no true label.
    predictions = two([0, 1, 0, 0, 0], [0, 1, 1, 0, 0])
    assert joint_error(task, predictions, rows([0, 1, 0, 1, 1], 4)) == pytest.approx(1 / 3)
    assert joint_error(task, two([0, 1], [1, 0]), rows([0, 1], 2)) == 0.5


def test_a_second_round_needs_a_smaller_error(task):
    examples = rows([0, 1, 0, 1] + [0] * 20, 4)
    bounds = ErrorBounds(examples)
    offered = torch.arange(24)[:, None] >= 4
    predictions = two([0, 1, 0, 0] + [0] * 20, [0, 1, 0, 0] + [0] * 20)
    # e = ¼ against ½: l' = 2, and ⌈½ · 2 / ¼ − 1⌉ = 3 labels stay.
    first = bounds.limit(task, predictions, ["a", "b"], accepted=offered, round_=1)
    assert int(first.sum()) == 3
    assert not bool((first & ~offered).any())
    assert not bool(bounds.limit(task, predictions, ["a", "b"], accepted=offered, round_=2).any())
    # Another pair has a memory of its own.
    assert int(bounds.limit(task, predictions, ["a", "c"], accepted=offered, round_=2).sum()) == 3


def test_teachers_without_an_error_label_once(task):
    bounds = ErrorBounds(rows([0, 1] + [0] * 20, 2))
    offered = torch.arange(22)[:, None] >= 2
    predictions = two([0, 1] + [0] * 20, [0, 1] + [0] * 20)
    assert int(bounds.limit(task, predictions, ["a", "b"], accepted=offered, round_=1).sum()) == 20
    assert not bool(bounds.limit(task, predictions, ["a", "b"], accepted=offered, round_=2).any())


def test_numbers_and_more_teachers_are_not_bounded(task):
    offered = torch.ones(4, 1, dtype=torch.bool)
    bounds = ErrorBounds(rows([0, 1, 0, 1], 2))
    assert bounds.limit(task, two([1, 0, 0, 0], [1, 0, 0, 0])[:1], ["a"], accepted=offered, round_=1).all()
    number = kinds.Regression("c")
    values = [Prediction(values=torch.zeros(4, 1))] * 2
    assert bounds.limit(number, values, ["a", "b"], accepted=offered, round_=1).all()


def test_tri_training_stops_when_the_error_no_longer_falls(make_problem):
    # The linear peers are alike, and the labels of the second round come from no better teachers.
    outcome = make_problem(labelled=30).run(CoTraining(TriTraining(), 5, patience=9))
    assert len(outcome.records) < 5
    assert "the teachers' error has not fallen enough" in outcome.stopped
    assert outcome.records[0].tasks[0].accepted > 0


def test_the_error_of_texts_is_the_share_of_wrong_ones_where_both_hear_the_same():
    task = text_task()
    examples = coded(task, ["ab", "b", "c", None])
    one, other = (
        prediction_of_output(task, saying(*paths)) for paths in (["ab", "a", "c", "c"], ["ab", "a", "b", "c"])
    )
    assert joint_error(task, [one, other], examples) == 0.5
    assert joint_error(task, [one, one], examples) == pytest.approx(1 / 3)
