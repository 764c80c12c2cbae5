import math

import pytest

from cotrain.comparison._unfinished import unfinished_tasks
from cotrain.tasks import Binary, Regression
from cotrain.training import FitResult

TASKS = [Regression("price"), Binary("sold")]


def fit(price, sold, **best):
    history = [{"validation": {"price": p, "sold": s}} for p, s in zip(price, sold, strict=True)]
    found = {"price": price.index(min(price)), "sold": sold.index(max(sold))}
    return FitResult([{}], {}, found | {"combined": len(price) - 1} | best, history, {})


FALLING, RISING, FLAT = [9.0, 8.0, 7.0, 6.0], [0.6, 0.7, 0.75, 0.8], [0.8, 0.8, 0.8, 0.801]


def test_what_still_got_better_in_the_last_quarter_was_not_finished():
    found = unfinished_tasks(TASKS, fit(FALLING, RISING), 4, "combined")
    assert found == {"price": pytest.approx(1 / 7, abs=1e-6), "sold": pytest.approx(0.05 / 0.75, abs=1e-6)}


def test_what_hardly_did_was_finished_although_its_best_epoch_is_the_last():
    assert list(unfinished_tasks(TASKS, fit(FALLING, FLAT), 4, "per_task")) == ["price"]
    assert list(unfinished_tasks(TASKS, fit(FALLING, FLAT), 4, "per_task", by=0.001)) == ["price", "sold"]


def test_an_earlier_best_epoch_is_the_end_of_it():
    # By task: price has its best in the third epoch.
    result = fit([9.0, 8.0, 5.0, 6.0], RISING)
    assert list(unfinished_tasks(TASKS, result, 4, "per_task")) == ["sold"]
    # Combined: the one epoch that is kept is not the last.
    assert unfinished_tasks(TASKS, fit(FALLING, RISING, combined=2), 4, "combined") == {}


def test_a_fit_that_stopped_by_itself_was_finished():
    assert unfinished_tasks(TASKS, fit(FALLING, RISING), 9, "combined") == {}


def test_without_validation_values_nothing_is_said():
    bare = FitResult([{}], {}, {}, [{}, {}], {})
    assert unfinished_tasks(TASKS, bare, 2, "last") == {}
    assert unfinished_tasks(TASKS, fit([math.nan] * 4, RISING), 4, "last").keys() == {"sold"}


def test_what_is_first_found_in_the_last_quarter_was_not_finished_and_nothing_found_was():
    assert unfinished_tasks(TASKS[1:], fit(FALLING, [0.0, 0.0, 0.0, 0.5]), 4, "last") == {"sold": 1.0}
    assert unfinished_tasks(TASKS[1:], fit(FALLING, [0.0] * 4), 4, "last") == {}


def test_a_few_epochs_are_looked_at_too():
    assert unfinished_tasks(TASKS[:1], fit([9.0, 8.0, 6.0], [0.5] * 3), 3, "last") == {"price": 0.25}
    assert unfinished_tasks(TASKS[:1], fit([8.0, 6.0], [0.5] * 2), 2, "last") == {"price": 0.25}
    assert unfinished_tasks(TASKS[:1], fit([9.0], [0.5]), 1, "last") == {}
