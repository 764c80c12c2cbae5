import numpy as np
import polars as pl

from cotrain.data.checks._base import read_labels
from cotrain.tasks import Binary, Multiclass, Regression

FRAME = pl.DataFrame(
    {
        "y": ["p", None, "q", "p", "q", "q"],
        "z": [1.0, 3.0, None, 4.0, 5.0, 6.0],
        "kind": ["a", "b", "c", "c", "b", "a"],
        "nothing": [None] * 6,
    }
)


def test_labels_are_coded_over_all_rows_with_a_mask_where_they_are():
    labels, problems = read_labels(FRAME, [Binary("y"), Regression("z"), Multiclass("kind")])
    assert problems == []
    binary, number, classes = labels
    assert binary.mask.tolist() == [[True], [False], [True], [True], [True], [True]]
    assert [binary.task.classes[int(v)] for v in binary.targets[binary.mask]] == ["p", "q", "p", "q", "q"]
    assert number.mask.ravel().tolist() == [True, True, False, True, True, True]
    assert np.diff(number.targets.ravel()[:2]) > 0
    assert classes.targets.ravel().tolist() == [0, 1, 2, 2, 1, 0]
    assert [one.is_classes for one in labels] == [True, False, True]


def test_the_given_tasks_learn_nothing():
    task = Binary("y")
    before = task.state_dict()
    read_labels(FRAME, [task])
    assert task.state_dict() == before


def test_a_target_that_cannot_be_read_is_a_problem_of_its_own_and_hides_no_other():
    labels, problems = read_labels(
        FRAME, [Binary("kind"), Regression("absent"), Regression("z"), Binary("nothing")]
    )
    assert [one.task.name for one in labels] == ["z"]
    assert [(p.severity, p.check, p.subject) for p in problems] == [
        ("error", "target", name) for name in ("kind", "absent", "nothing")
    ]
    assert all(p.sentence and "\n" not in p.sentence for p in problems)


def test_no_task_and_one_row_are_no_trouble():
    assert read_labels(FRAME, []) == ([], [])
    labels, problems = read_labels(FRAME[:1], [Regression("z")])
    assert problems == []
    assert labels[0].mask.tolist() == [[True]]
