import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.learner import Configuration, SplitTable


def split_of(tmp_path, **options):
    frame = pl.DataFrame(
        {
            "x": range(40),
            "where": [f"group {i // 2}" for i in range(40)],
            "y": [None if i % 4 == 3 else i % 2 for i in range(40)],
            "price": [None if i % 4 in (1, 3) else i / 4 for i in range(40)],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")
    config = {
        "data": str(tmp_path / "table.parquet"),
        "tasks": [{"kind": "Binary", "name": "y"}, {"kind": "Regression", "name": "price"}],
        "split": options,
    }
    return SplitTable.of(Configuration.from_config(config))


def test_every_row_stands_in_one_part_and_the_parts_keep_their_order(tmp_path):
    split = split_of(tmp_path)
    together = np.concatenate(list(split.rows.values()))
    assert sorted(together) == list(range(40))
    for part, rows in split.rows.items():
        assert list(rows) == sorted(rows)
        assert split[part]["x"].to_list() == list(rows)
        assert split.n_rows[part] == len(rows)
    assert split.n_rows["unlabelled"] == 10


@pytest.mark.parametrize(
    "options",
    [{"test": 0}, {"validation": 0}, {"test": 0, "validation": 0}, {"test": 0.3}, {"group": "where"}],
)
def test_labels_are_counted_in_every_part_also_in_those_without_rows(tmp_path, options):
    split = split_of(tmp_path, **options)
    for task, counts in split.coverage.items():
        for part, n in counts.items():
            assert n == split[part][task].is_not_null().sum(), (task, part)
        assert sum(counts.values()) == split.frame[task].is_not_null().sum()


def test_the_split_and_group_columns_are_no_inputs(tmp_path):
    assert split_of(tmp_path, group="where").left_out == ["where"]


def test_a_part_that_is_needed_and_has_no_rows_is_named(tmp_path):
    split = split_of(tmp_path, test=0)
    split.require_rows("A search", "train", "validation")
    with pytest.raises(DataError, match="A comparison needs test rows, and the split leaves none"):
        split.require_rows("A comparison", "validation", "test")


def test_a_task_without_a_training_label_is_named():
    rows = {"train": np.array([0]), "validation": np.array([1]), "test": np.array([], dtype=int)}
    split = SplitTable(pl.DataFrame({"y": [None, 1]}), {"y": np.array([-1, 0])}, rows, [])
    with pytest.raises(DataError, match="Task 'y' has no label among the training rows"):
        split.require_labels()
