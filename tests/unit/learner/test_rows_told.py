"""A wrong cell is told by the number of its row in the table that a person has, and the name of that."""

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError, row_in_its_table
from cotrain.comparison import compare
from cotrain.comparison.runs._check import check_data
from cotrain.data import TypedTable
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._train_validation_split import divide

N, WRONG = 40, 33
WORDS = [["a", "b"], ["c"]] * (N // 2)
GOOD = pl.DataFrame({"words": WORDS, "tags": [["X", "Y"], ["X"]] * (N // 2)})
BAD = GOOD.with_columns(
    tags=pl.Series([["X", "Y"] if i == WRONG else tags for i, tags in enumerate(GOOD["tags"].to_list())])
)
HERE = f"row {WRONG} has 2 tags"


def in_their_tables(table):
    """Return of each row its number in its own table, and the name of that."""
    rows = range(table.height) if table.rows is None else table.rows.tolist()
    return [row_in_its_table(row, table.tables) for row in rows]


def learner():
    return ct.Learner([ct.tasks.Tagging("tags", tokens="words")], training=ct.Training(epochs=1))


@pytest.fixture(scope="module")
def fitted():
    return learner().fit(GOOD, None, progress=False)


@pytest.fixture(scope="module")
def of_sources():
    return learner().fit({"a": GOOD, "b": GOOD}, None, progress=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((BAD, None), HERE),
        ((BAD, 0.2), HERE),
        ((GOOD, BAD), f"row {WRONG} of validation has"),
        (({"a": GOOD, "b": BAD}, None), f"row {WRONG} of source 'b' has"),
        (({"a": GOOD, "b": GOOD}, {"a": GOOD, "b": BAD}), f"row {WRONG} of source 'b' of validation has"),
    ],
)
def test_in_a_fit(arguments, told):
    with pytest.raises(DataError, match=told):
        learner().fit(*arguments, progress=False)


def test_in_an_evaluation(fitted, of_sources):
    with pytest.raises(DataError, match=HERE):
        fitted.evaluate(BAD)
    with pytest.raises(DataError, match=f"row {WRONG} of source 'b' has"):
        of_sources.evaluate({"a": GOOD, "b": BAD})


def test_an_empty_table_is_named():
    with pytest.raises(DataError, match="^validation: the table is empty"):
        learner().fit(GOOD, BAD[:0], progress=False)


@pytest.fixture
def files(tmp_path):
    for name, frame in {"good": GOOD, "bad": BAD}.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"data": "bad"}, HERE),
        ({"data": ["good", "bad"]}, f"row {WRONG} of {{bad}} has"),
        ({"data": "good", "test": "bad"}, f"row {WRONG} of {{bad}} has"),
        ({"data": "good", "validation": ["good", "bad"]}, f"row {WRONG} of {{bad}} has"),
        ({"data": {"a": "good", "b": "bad"}}, f"row {WRONG} of source 'b' has"),
        ({"data": {"a": "good", "b": "good"}, "test": {"b": "bad"}}, f"row {WRONG} of {{bad}} has"),
    ],
)
def test_from_files(files, data, told):
    def path(of):
        if isinstance(of, dict):
            return {name: path(one) for name, one in of.items()}
        return [path(one) for one in of] if isinstance(of, list) else str(files / f"{of}.parquet")

    tasks = [{"kind": "Tagging", "name": "tags", "tokens": "words"}]
    configuration = Configuration.from_config({key: path(of) for key, of in data.items()} | {"tasks": tasks})
    told = told.format(bad=path("bad"))
    for call in (SplitTable.of, check_data, lambda c: compare(c, files / "out")):
        with pytest.raises(DataError) as caught:
            call(configuration)
        assert told in str(caught.value)


@pytest.mark.parametrize("validation", [None, 0.2])
def test_rows_without_labels_that_come_with_others_are_counted_for_themselves(validation):
    more = pl.DataFrame({"words": [["a"]] * 3})
    tasks = learner().tasks
    train, held = divide(GOOD, validation, tasks, 0, with_unlabelled=True, unlabelled=more)
    found = in_their_tables(train)
    assert found[-3:] == [(0, "unlabelled"), (1, "unlabelled"), (2, "unlabelled")]
    held_rows = [] if held is None else in_their_tables(held)
    numbers = [row for row, _ in [*found[:-3], *held_rows]]
    assert sorted(numbers) == list(range(N))


def test_parts_of_one_table_are_counted_in_it():
    whole = TypedTable.read(GOOD.with_columns(tags=pl.Series(GOOD["tags"].to_list()[:30] + [None] * 10)))
    first, last = whole[np.arange(30)], whole[np.arange(30, N)]
    train, _ = divide(first, None, learner().tasks, 0, with_unlabelled=True, unlabelled=last)
    assert in_their_tables(train) == [(row, "") for row in range(N)]


def test_a_written_part_keeps_its_numbers(tmp_path):
    whole = TypedTable.read(GOOD)
    whole.tables = (("a.csv", 25), ("b.csv", N - 25))
    part = whole[np.array([3, 24, 25, 39])]
    part.write_parquet(tmp_path / "part.parquet")
    assert in_their_tables(TypedTable.read(tmp_path / "part.parquet")) == [
        (3, "a.csv"), (24, "a.csv"), (0, "b.csv"), (14, "b.csv")
    ]  # fmt: skip
    whole.write_parquet(tmp_path / "whole.parquet")
    assert TypedTable.read(tmp_path / "whole.parquet").rows is None


def test_the_rows_of_a_part_are_called_by_their_own_table(files):
    tasks = [{"kind": "Tagging", "name": "tags", "tokens": "words"}]

    def split(**data):
        return SplitTable.of(Configuration.from_config({**data, "tasks": tasks}))

    good = str(files / "good.parquet")
    called, name = split(data=good, test=good).places("test")
    assert called.tolist() == list(range(N))
    assert name == good
    one = split(data=good)
    called, name = one.places("test")
    assert called.tolist() == one.rows["test"].tolist()
    assert name == ""
    two = split(data={"a": good, "b": good})
    called, name = two.places("test")
    expected = [f"{row % N} of source {'ab'[row // N]!r}" for row in two.rows["test"].tolist()]
    assert called.tolist() == expected
    assert name == ""
