"""What is mistaken for what, over seeds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from cotrain.comparison._confusions import confusions_of
from cotrain.tasks import Binary, Multiclass, Multilabel, Regression

FRAME = pl.DataFrame(
    {
        "kind": ["a", "b", "a", "b", "c", "c"],
        "yes": ["y", "n"] * 3,
        "two": [1, 0, 1, 1, 0, 1],
        "three": [0, 0, 1, 1, 0, 0],
        "size": range(6),
    }
)


def classes(predicted):
    """Return scores [N, 3] of a network that is sure."""
    return np.eye(3)[predicted]


@pytest.mark.parametrize("weighted", [False, True])
def test_counts_of_classes_are_those_of_every_row_at_every_seed(weighted):
    task = Multiclass("kind")
    task.fit(FRAME)
    names = task.parts
    true = np.array([[names.index(kind)] for kind in FRAME["kind"]])
    mask = np.array([[1], [1], [1], [1], [1], [0]]) * (0.5 if weighted else True)
    seeds = [[0, 1, 2, 1, 0, 0], [0, 0, 0, 1, 2, 1]]
    found = confusions_of(task, [classes(predicted) for predicted in seeds], (true, mask))
    expected = np.zeros((3, 3), int)
    for predicted in seeds:
        for row in range(5):
            expected[true[row, 0], predicted[row]] += 1
    assert found["confusion"]["counts"] == expected.tolist()
    assert set(found) == {"confusion"}


@pytest.mark.parametrize("task", [Binary("yes"), Multilabel("both", columns=["two", "three"])])
def test_labels_are_found_and_missed_over_all_seeds(task):
    task.fit(FRAME)
    true, mask = (leaf.numpy() for leaf in task.encode(FRAME))
    right, wrong = true.astype(float), 1.0 - true
    found = confusions_of(task, [right, right, wrong], (true, mask))
    for number, label in enumerate(found["labels"]):
        n = int(true[:, number].sum())
        assert (label["true_positive"], label["false_negative"]) == (2 * n, n)


def test_numbers_and_rows_without_labels_have_none():
    task = Regression("size")
    task.fit(FRAME)
    values = np.zeros((6, 1))
    assert confusions_of(task, [values], (values, values == 0)) == {}
    task = Binary("yes")
    task.fit(FRAME)
    assert confusions_of(task, [values], (values, values > 0)) == {}
