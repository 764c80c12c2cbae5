import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import Dataset

from cotrain._base import InvalidArgumentError
from cotrain.data import TypedTable
from cotrain.learner._train_validation_split import divide
from cotrain.tasks import Binary, Regression

N = 40
FRAME = pl.DataFrame(
    {
        "row": list(range(N)),
        "y": [None if i % 4 == 0 else i % 2 for i in range(N)],
        "z": [None if i % 8 == 0 else float(i) for i in range(N)],
    }
)
TASKS = [Binary("y"), Regression("z")]
#: Rows without a label of any task.
BARE = set(range(0, N, 8))


def rows(table):
    return table.frame["row"].to_list()


def test_a_split_without_unlabelled_rows_leaves_the_training_rows_as_they_are() -> None:
    frame = pl.DataFrame({"x": [0.0, 1.0], "y": [0, 1]})
    train, _ = divide(frame, None, [Binary("y")], 0, with_unlabelled=True, unlabelled=frame[:0])
    assert train.frame.cast({"x": pl.Float64}).equals(frame)


@pytest.mark.parametrize("with_unlabelled", [False, True])
def test_a_share_is_of_the_labelled_rows_and_no_row_is_lost_or_in_both_parts(with_unlabelled):
    train, held = divide(FRAME, 0.2, TASKS, 3, with_unlabelled=with_unlabelled)
    assert len(rows(held)) == round(0.2 * (N - len(BARE)))
    assert not BARE & set(rows(held))
    together = rows(train) + rows(held)
    assert len(together) == len(set(together))
    assert set(together) == set(range(N)) - (set() if with_unlabelled else BARE)


def test_the_seed_chooses_the_rows_and_unlabelled_ones_do_not():
    first = [rows(part) for part in divide(FRAME, 0.2, TASKS, 3, with_unlabelled=False)]
    again = [rows(part) for part in divide(FRAME, 0.2, TASKS, 3, with_unlabelled=False)]
    assert first == again
    assert first != [rows(part) for part in divide(FRAME, 0.2, TASKS, 4, with_unlabelled=False)]
    fewer = FRAME.filter(~pl.col("row").is_in(sorted(BARE)))
    assert first == [rows(part) for part in divide(fewer, 0.2, TASKS, 3, with_unlabelled=False)]


def test_validation_rows_and_further_rows_are_read_with_the_types_of_the_training_rows():
    train = pl.DataFrame({"zip": ["501", "x1"], "y": [0, 1], "side": [1, 2]})
    held = pl.DataFrame({"zip": ["2139"], "y": [1], "side": [3]})
    more = pl.DataFrame({"zip": ["7"], "unknown": [5]})
    got, validation = divide(train, held, [Binary("y")], 0, with_unlabelled=True, unlabelled=more)
    assert validation.frame["zip"].to_list() == ["2139"]
    assert got.frame["zip"].to_list() == ["501", "x1", "7"]
    assert got.frame["y"].to_list() == [0, 1, None]
    assert got.frame["side"].to_list() == [1, 2, None]
    assert got.frame.columns == train.columns
    assert isinstance(got, TypedTable)


def test_further_rows_stay_out_where_nothing_learns_from_them():
    more = pl.DataFrame({"row": [99]})
    train, held = divide(FRAME, None, TASKS, 0, with_unlabelled=False, unlabelled=more)
    assert rows(train) == list(range(N))
    assert held is None


class Items(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"x": torch.zeros(1), "y": index}


@pytest.mark.parametrize("share", [0.2, 0, 1, np.float64(0.5)])
def test_a_data_set_is_handed_on_and_never_split(share):
    data, held = Items(), Items()
    assert divide(data, held, [Binary("y")], 0, with_unlabelled=True) == (data, held)
    assert divide(data, None, [Binary("y")], 0, with_unlabelled=True) == (data, None)
    with pytest.raises(InvalidArgumentError, match="cannot split a Dataset: give a second Dataset, or None"):
        divide(data, share, [Binary("y")], 0, with_unlabelled=True)
    with pytest.raises(InvalidArgumentError, match="put unlabelled items into the Dataset itself"):
        divide(data, None, [Binary("y")], 0, with_unlabelled=True, unlabelled=FRAME)
