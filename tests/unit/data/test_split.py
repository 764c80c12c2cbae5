import math
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data import Split, split_rows, strata
from cotrain.tasks import Binary, Multiclass, Regression, Tagging

N = 3000


def labels(seed: int = 0, n: int = N) -> dict[str, np.ndarray]:
    """Three classes, one of them rare, on half of the rows; a number on a tenth."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, size=n, p=[0.7, 0.28, 0.02])
    return {
        "kind": np.where(rng.random(n) < 0.5, kind, -1),
        "price": rng.random(n) < 0.1,
    }


def frame(n: int = N) -> pl.DataFrame:
    return pl.DataFrame({"row": np.arange(n), "who": np.arange(n) // 7})


def without_labels(labelled: Mapping[str, np.ndarray], where: int, count: int) -> dict[str, np.ndarray]:
    """Insert `count` rows without any label before row `where`."""
    return {
        name: np.insert(values, where, np.full(count, False if values.dtype == bool else -1))
        for name, values in labelled.items()
    }


def test_every_row_is_in_one_part_and_only_labelled_rows_are_divided() -> None:
    labelled = labels()
    parts = split_rows(frame(), Split(0.1, 0.2), 0, labelled)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(N))
    any_label = (labelled["kind"] >= 0) | labelled["price"]
    assert not any_label[parts["unlabelled"]].any()
    assert len(parts["unlabelled"]) == (~any_label).sum()
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert any_label[parts[name]].all()
        assert len(parts[name]) == pytest.approx(share * any_label.sum(), abs=2)
        assert (np.diff(parts[name]) > 0).all()


def test_each_part_gets_its_share_of_every_class_and_of_every_task() -> None:
    labelled = labels()
    parts = split_rows(frame(), Split(0.1, 0.2), 0, labelled)
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        for kind in range(3):
            total = (labelled["kind"] == kind).sum()
            assert (labelled["kind"][parts[name]] == kind).sum() == pytest.approx(share * total, abs=2)
        assert labelled["price"][parts[name]].sum() == pytest.approx(share * labelled["price"].sum(), abs=2)


def test_a_split_is_a_function_of_the_seed() -> None:
    same, other = (split_rows(frame(), Split(), seed, labels()) for seed in (0, 1))
    again = split_rows(frame(), Split(), 0, labels())
    assert all(np.array_equal(same[name], again[name]) for name in same)
    assert not np.array_equal(same["test"], other["test"])


@settings(max_examples=30)
@given(
    where=st.integers(0, 200),
    count=st.integers(1, 5),
    stratify=st.booleans(),
    group=st.sampled_from([None, "who"]),
)
def test_rows_without_labels_change_nothing(
    where: int, count: int, stratify: bool, group: str | None
) -> None:
    table, labelled = frame(200), labels(n=200)
    extra = pl.DataFrame({"row": np.full(count, -1), "who": np.full(count, 10_000)})
    longer = pl.concat([table[:where], extra, table[where:]])
    spec = Split(0.2, 0.2, stratify=stratify, group=group)
    before = split_rows(table, spec, 3, labelled)
    after = split_rows(longer, spec, 3, without_labels(labelled, where, count))
    for name in ("train", "validation", "test"):
        assert longer["row"][after[name]].to_list() == table["row"][before[name]].to_list()
    assert len(after["unlabelled"]) == len(before["unlabelled"]) + count


def test_a_group_never_crosses() -> None:
    table, labelled = frame(), labels()
    parts = split_rows(table, Split(0.1, 0.2, group="who"), 0, labelled)
    groups = {name: set(table["who"][rows].to_list()) for name, rows in parts.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert not groups["validation"] & groups["test"]
    # The unlabelled rows of a group that is held out are not looked at in training either.
    assert not groups["unlabelled"] & (groups["test"] | groups["validation"])
    assert groups["unused"] <= groups["test"] | groups["validation"]
    n_labelled = sum(len(parts[name]) for name in ("train", "validation", "test"))
    assert len(parts["test"]) == pytest.approx(0.2 * n_labelled, abs=10)


def test_a_column_says_where_rows_belong() -> None:
    table = pl.DataFrame({"split": ["train", "Val", "TEST", "valid", "test", None, "train", "dev"]})
    parts = split_rows(table, Split(column="split"), 0, {"a": np.array([1, 1, 1, 1, 0, 0, 0, 1], dtype=bool)})
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "train": [0],
        "validation": [1, 3, 7],
        "test": [2],
        "unlabelled": [5, 6],
        "unused": [4],
    }


def test_a_column_without_validation_rows_lends_them_from_training() -> None:
    table = pl.DataFrame({"split": ["train"] * 80 + ["test"] * 20})
    parts = split_rows(table, Split(0.1, column="split"), 0, {"a": np.ones(100, dtype=bool)})
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [72, 8, 20]
    assert parts["test"].min() == 80


@pytest.mark.parametrize(
    ("values", "spec", "message"),
    [
        (["train", "oops"], Split(column="split"), "1 rows with another value.*'oops'"),
        (["train", None], Split(column="split"), "empty in 1 labelled"),
        (["train", "train"], Split(column="spilt"), "did you mean 'split'"),
        (["val", "test"], Split(column="split"), "no labelled row for train"),
        (["a", None], Split(group="split"), "empty in 1 labelled"),
        (["a", "b"], Split(group="gruop"), "group column 'gruop'"),
        (["a", "b"], Split(0.1, 0.2), "no labelled row for"),
        (["2020-01-01", None], Split(time="split"), "Time column 'split' is empty in 1 labelled"),
        (["2020-01-01", "soon"], Split(time="split"), "such as '2020-01-01'"),
        ([1, 2], Split(time="tmie"), "time column 'tmie'"),
        ([5, 5], Split(0.3, 0.3, time="split"), "no labelled row for"),
    ],
)
def test_says_what_is_wrong(values: list[str | int | None], spec: Split, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_rows(pl.DataFrame({"split": values}), spec, 0, {"a": np.array([True, True])})


def test_refuses_a_table_without_labels() -> None:
    with pytest.raises(DataError, match="None of the 3 rows has a label"):
        split_rows(frame(3), Split(), 0, {"a": np.zeros(3, dtype=bool)})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Split(validation=-0.1),
        lambda: Split(test=1.0),
        lambda: Split(validation=0.5, test=0.5),
        lambda: Split(column="a", group="b"),
        lambda: Split(group="a", time="b"),
    ],
)
def test_refuses_shares_that_make_no_sense(make: object) -> None:
    with pytest.raises(InvalidArgumentError):
        make()  # type: ignore[operator]


def test_refuses_labels_of_another_length() -> None:
    with pytest.raises(InvalidArgumentError, match="2 entries for 3 rows"):
        split_rows(frame(3), Split(), 0, {"a": np.ones(2, dtype=bool)})
    with pytest.raises(InvalidArgumentError, match="got none"):
        split_rows(frame(3), Split(), 0, {})


def test_strata_are_classes_or_quartiles_of_the_labelled_rows() -> None:
    table = pl.DataFrame(
        {
            "b": [1, 0, None] * 40,
            "m": ["x", None, "y"] * 40,
            "r": [float(i) if i % 2 else None for i in range(120)],
        }
    )
    codes = strata(table, [Binary("b"), Multiclass("m"), Regression("r")])
    assert np.unique(codes["b"]).tolist() == [-1, 0, 1]
    assert np.unique(codes["m"]).tolist() == [-1, 0, 1]
    values, counts = np.unique(codes["r"], return_counts=True)
    assert values.tolist() == [-1, 0, 1, 2, 3]
    assert counts.tolist() == [60, 15, 15, 15, 15]


def test_strata_are_there_where_the_task_exists() -> None:
    table = pl.DataFrame({"b": [1, 0] * 10, "clicked": [1] * 12 + [0] * 8})
    codes = strata(table, [Binary("b", when="clicked == 1")])
    assert (codes["b"][:, 0] >= 0).tolist() == [True] * 12 + [False] * 8


@pytest.mark.parametrize("spelling", ["number", "text", "date", "written"])
def test_by_time_the_last_rows_are_the_test_and_those_before_them_validation(spelling: str) -> None:
    rng = np.random.default_rng(0)
    day = rng.permutation(200)
    dates = np.datetime64("2020-01-25") + day
    values = {
        "number": day, "text": [str(d) for d in day], "date": dates,
        "written": [str(d).replace("-", "/") for d in dates],
    }[spelling]  # fmt: skip
    labelled = {"a": rng.random(200) < 0.8}
    parts = split_rows(pl.DataFrame({"day": values}), Split(0.1, 0.2, time="day"), 0, labelled)
    n = int(labelled["a"].sum())
    sizes = [len(parts[name]) for name in ("train", "validation", "test")]
    assert sizes[1:] == pytest.approx([0.1 * n, 0.2 * n], abs=1)
    assert day[parts["train"]].max() < day[parts["validation"]].min()
    assert day[parts["validation"]].max() < day[parts["test"]].min()
    # What has no label and is later than all training rows would tell of the future.
    assert day[parts["unlabelled"]].max() <= day[parts["train"]].max()
    assert day[parts["unused"]].min() > day[parts["train"]].max()
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(200))


def test_rows_of_one_time_stay_together_and_unlabelled_rows_without_a_time_are_not_used() -> None:
    day = np.repeat(np.arange(10), 20)
    parts = split_rows(
        pl.DataFrame({"day": day}), Split(0.07, 0.13, time="day"), 0, {"a": np.ones(200, bool)}
    )
    days = [set(day[parts[name]].tolist()) for name in ("train", "validation", "test")]
    assert days == [{0, 1, 2, 3, 4, 5, 6}, {7}, {8, 9}]
    frame = pl.DataFrame({"day": [1.0, 2.0, 3.0, 4.0, None, math.nan]})
    labelled = {"a": np.array([True] * 4 + [False] * 2)}
    parts = split_rows(frame, Split(0.25, 0.25, time="day"), 0, labelled)
    assert parts["test"].tolist() == [3]
    assert parts["unused"].tolist() == [4, 5]


def test_what_ties_test_rows_is_told_to_a_bootstrap() -> None:
    table = pl.DataFrame({"who": ["u", "v", "u"], "day": ["2020-01-03", "2020-01-01", "2020-01-02"]})
    assert Split().dependence(table) == Split(column="who").dependence(table) == {}
    assert Split(group="who").dependence(table)["groups"].tolist() == [0, 1, 0]
    more = pl.DataFrame({"who": [*table["who"][1:], None]})
    assert Split(group="who").dependence(table, more)["groups"].tolist() == [0, 1, 0, 1, 0, -1]
    assert Split(group="who").dependence(table, more.drop("who"))["groups"].tolist() == [0, 1, 0]
    times = Split(time="day").dependence(table)["times"]
    assert np.argsort(times).tolist() == [1, 2, 0]


def test_sentences_are_divided_so_that_every_tag_has_its_share():
    rows = [["O", "B-x"] if i % 10 == 0 else ["O"] if i % 3 else None for i in range(300)]
    table = pl.DataFrame({"tags": rows}, schema={"tags": pl.List(pl.String)})
    found = strata(table, [Tagging("tags", spans="BIO")])["tags"]
    labelled = np.array([row is not None for row in rows])
    assert ((found >= 0).any(axis=1) == labelled).all()
    parts = split_rows(table, Split(validation=0.2, test=0.2), 0, {"tags": found})
    spans = np.array([row is not None and "B-x" in row for row in rows])
    assert [int(spans[parts[name]].sum()) for name in ("train", "validation", "test")] == [18, 6, 6]
    assert len(parts["unlabelled"]) == int((~labelled).sum())
