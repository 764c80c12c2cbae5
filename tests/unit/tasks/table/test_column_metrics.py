"""Figures over one column made into metrics over a task's targets."""

from __future__ import annotations

import numpy as np
import pytest

from cotrain.tasks.table._column_metrics import by_column, exact_match, mean_of_defined, over_entries


def largest(scores: np.ndarray, targets: np.ndarray) -> float:
    return float((scores * targets).max())


SCORES = np.array([[1.0, 5.0, 0.0], [2.0, 6.0, 0.0]])
ONES = np.ones((2, 3))
MASK = np.array([[True, True, False], [True, False, False]])


def test_columns_are_averaged_and_one_without_labels_is_left_out() -> None:
    found = by_column("largest", "max", largest)
    assert found.compute(SCORES, ONES, MASK) == (2.0 + 5.0) / 2
    assert found.parts is not None
    np.testing.assert_array_equal(found.parts(found.record(SCORES, ONES, MASK), 3), [2.0, 5.0, np.nan])
    assert (found.name, found.direction, found.best) == ("largest", "max", 1.0)


def test_entries_are_taken_together_whatever_their_column() -> None:
    found = over_entries("largest_micro", "max", largest)
    assert found.compute(SCORES, ONES, MASK) == 5.0
    assert found.parts is None


@pytest.mark.parametrize("make", [by_column, over_entries])
def test_without_any_label_a_figure_is_not_defined(make) -> None:
    assert np.isnan(make("largest", "max", largest).compute(SCORES, ONES, np.zeros((2, 3), bool)))
    assert np.isnan(mean_of_defined(np.array([np.nan, np.nan])))


def test_a_row_matches_if_all_that_is_labelled_of_it_does() -> None:
    scores, targets = np.array([[0.9, 0.1], [0.9, 0.9], [0.2, 0.2]]), np.array([[1.0, 0], [1, 0], [1, 1]])
    every = np.ones((3, 2), bool)
    assert exact_match().compute(scores, targets, every) == pytest.approx(1 / 3)
    every[1, 1] = every[2] = False
    assert exact_match().compute(scores, targets, every) == 1.0
