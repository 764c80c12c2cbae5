import numpy as np
import polars as pl
import pytest

from cotrain._base import ConfigError, DataError, InvalidArgumentError
from cotrain.comparison import compare

from .small_comparison import SECTION

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"split": {"column": "part"}}, "split.column says which rows are"),
        ({"split": {"time": "y"}}, "split.time says which rows are"),
        ({"split": {"validation": 0.6, "test": 0.1}}, "leave nothing to train on"),
        ({"compare": {**SECTION, "folds": 1}}, "compare.folds is 1: expected 2 or more"),
        ({"compare": {**SECTION, "folds": 200}}, "leaves no labelled row"),
    ],
)
def test_folds_that_cannot_be_are_refused_in_a_sentence(configuration, tmp_path, changed, said):
    made = configuration(**{"compare": {**SECTION, "folds": 2}, **changed})
    with pytest.raises((DataError, ConfigError, InvalidArgumentError), match=said):
        compare(made, tmp_path / "out")


def test_a_class_that_a_fold_lacks_is_named_before_anything_is_fitted(configuration, tmp_path):
    made = configuration(
        tasks=[{"kind": "Multiclass", "name": "kind"}],
        compare={**SECTION, "folds": 2},
        split={"validation": 0.3},
    )
    kind = ["a"] * 88 + ["b"] * 2
    pl.DataFrame({"x": np.sin(np.arange(90)), "kind": kind}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="Fold 1 of 2: Task 'kind': .* has 1: 'a'"):
        compare(made, tmp_path / "out")
    assert not (tmp_path / "out" / "cells").exists()


def test_a_tag_that_a_fold_has_too_rarely_is_named_before_anything_is_fitted(configuration, tmp_path):
    made = configuration(
        tasks=[{"kind": "Multilabel", "name": "tags", "separator": ";", "min_count": 3}],
        compare={**SECTION, "folds": 3},
        split={"validation": 0.3},
    )
    tags = ["a;b"] * 40 + ["a"] * 47 + ["a;c"] * 3
    pl.DataFrame({"x": np.sin(np.arange(90)), "tags": tags}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match="Task 'tags': .* of fold 1 have none or too few of class c: ask for fewer"
    ):
        compare(made, tmp_path / "out")
    assert not (tmp_path / "out" / "cells").exists()


def test_tasks_with_many_answers_a_row_are_named(configuration, tmp_path):
    tags = {"tasks": [{"kind": "Tagging", "name": "tags"}], "columns": {"tokens": "words"}, "encoder": None}
    made = configuration(**tags, compare={**SECTION, "folds": 2})
    tokens = [["a", "b"], ["b"]] * 20
    pl.DataFrame({"tokens": tokens, "tags": tokens}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="tags has many: leave out the folds"):
        compare(made, tmp_path / "out")
