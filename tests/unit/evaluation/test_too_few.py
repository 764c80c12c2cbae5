import numpy as np
import polars as pl
import pytest

from cotrain.evaluation import too_few_to_tell
from cotrain.tasks import Binary, Multiclass, Multilabel, Regression


def binary(n_positive, n):
    labels = np.zeros((n, 1))
    labels[:n_positive] = 1
    return labels, np.ones((n, 1), bool)


@pytest.mark.parametrize(
    ("n_positive", "n", "said"),
    [
        (5, 100, ""),
        (4, 100, "4 positives in the test rows; 5 are needed"),
        (97, 100, "3 negatives in the test rows; 5 are needed"),
        (5, 10, ""),
        (4, 9, "9 labelled test rows; 10 are needed"),
        (1, 1, "1 labelled test row; 10 are needed"),
        (0, 0, "0 labelled test rows; 10 are needed"),
    ],
)
def test_labels_need_rows_and_both_of_them(n_positive, n, said):
    assert too_few_to_tell(Binary("y"), *binary(n_positive, n)) == said


def test_what_is_resampled_as_a_whole_is_counted_as_one():
    labels, mask = binary(50, 100)
    patients = np.repeat(np.arange(9), 12)[:100]
    assert too_few_to_tell(Binary("y"), labels, mask, groups=patients) == (
        "9 labelled test groups; 10 are needed"
    )
    # Ten groups, all positives in two of them.
    patients = np.repeat(np.arange(10), 10)
    few, _ = binary(20, 100)
    assert "2 groups with positives" in too_few_to_tell(Binary("y"), few, mask, groups=patients)
    one_day = np.zeros(100)
    assert too_few_to_tell(Binary("y"), labels, mask, times=one_day) == (
        "1 labelled test block of time; 10 are needed"
    )
    assert too_few_to_tell(Binary("y"), labels, mask, times=np.arange(100)) == ""


def test_only_labelled_rows_count():
    labels, mask = binary(50, 100)
    mask[9:] = False
    assert too_few_to_tell(Regression("y"), labels, mask) == "9 labelled test rows; 10 are needed"
    mask[:20] = True
    assert too_few_to_tell(Regression("y"), labels, mask) == ""


def test_most_labels_of_several_must_be_there():
    task = Multilabel("tags", columns=["a", "b", "c"])
    labels, mask = np.zeros((60, 3)), np.ones((60, 3), bool)
    labels[:10, :2] = 1
    assert too_few_to_tell(task, labels, mask) == ""
    labels[3:, 1] = 0
    assert "most labels have too few positives or negatives" in too_few_to_tell(task, labels, mask)


def test_classes_need_rows_outside_the_largest():
    task = Multiclass("c")
    task.fit(pl.DataFrame({"c": ["a", "b", "c"] * 2}))
    targets, mask = np.zeros((50, 1)), np.ones((50, 1), bool)
    targets[:3], targets[3] = 1, 2
    assert too_few_to_tell(task, targets, mask) == ("4 test rows outside the largest class; 5 are needed")
    targets[4] = 2
    assert too_few_to_tell(task, targets, mask) == ""
