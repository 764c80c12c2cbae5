"""Classes come back in the type of their column and in its spelling."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.data import TypedTable
from cotrain.learner._label_types import LabelType, label_types

N = 160
X = np.random.default_rng(0).normal(size=N)


def column(low: Any, high: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("y", [high if v > 0 else low for v in X], dtype=dtype)


COLUMNS = {
    "text": column("no", "yes"),
    "text with spaces": column(" no", "yes "),
    "numbers as text": column("3", "4"),
    "zeros in front": column("01", "02"),
    "integers": column(3, 4),
    "small integers": column(3, 4, pl.Int8),
    "floats": column(0.5, 1.5),
    "whole floats": column(1.0, 2.0),
    "booleans": column(False, True),
    "categorical": column("a", "b", pl.Categorical),
    "enum": column("b", "a", pl.Enum(["b", "a", "never"])),
    "dates": column(date(2020, 1, 31), date(2021, 5, 1)),
    "moments": column(datetime(2020, 1, 31, 12), datetime(2021, 5, 1, 7), pl.Datetime("ms")),
    "moments of a zone": column(datetime(2020, 1, 31, 12), datetime(2021, 5, 1, 7)).dt.replace_time_zone(
        "Asia/Shanghai"
    ),
}


def fitted(frame: Any, task: Any) -> ct.Learner:
    learner = ct.Learner(
        [task],
        encoder=ct.networks.TableEncoder(width=8, depth=0),
        training=ct.Training(epochs=8, batch_size=32, learning_rate=0.05),
    )
    return learner.fit(frame, 0.2, progress=False)


@pytest.mark.parametrize("name", COLUMNS)
def test_predictions_have_the_type_of_the_label_column(name, tmp_path):
    y = COLUMNS[name]
    frame = pl.DataFrame({"x": X, "y": y})
    learner = fitted(frame, ct.tasks.Multiclass("y"))
    learner.save(tmp_path / "run")
    for one in (learner, ct.Learner.load(tmp_path / "run")):
        found = one.predict(frame)["y"]
        assert found.dtype == y.dtype
        assert (found == y).mean() > 0.9


@pytest.mark.parametrize("name", ["text", "text with spaces", "integers", "booleans", "dates", "floats"])
def test_so_have_those_of_two_values_and_of_levels(name):
    frame = pl.DataFrame({"x": X, "y": COLUMNS[name]})
    for task in (ct.tasks.Binary("y"), ct.tasks.Multilabel("both", columns=["y", "z"])):
        frame = frame.with_columns(z=pl.col("y"))
        found = fitted(frame.drop("z") if isinstance(task, ct.tasks.Binary) else frame, task).predict(frame)
        assert found["y"].dtype == frame["y"].dtype
        assert set(found["y"]) <= set(frame["y"])


def test_pandas_gets_its_own_types():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    big = X > 0
    columns = {
        "category of integers": pandas.Categorical(np.where(big, 4, 3)),
        "ordered category": pandas.Categorical(np.where(big, "b", "a"), ["b", "a", "never"], ordered=True),
        "nullable integers": pandas.array(np.where(big, 4, 3), dtype="Int64"),
        "small integers": np.where(big, 4, 3).astype("int8"),
        "nullable booleans": pandas.array(big, dtype="boolean"),
        "moments": pandas.to_datetime(np.where(big, "2020-01-31", "2021-05-01")),
        "text": np.where(big, "p", " q").astype(object),
    }
    for name, values in columns.items():
        frame = pandas.DataFrame({"x": X, "y": values})
        found = fitted(frame, ct.tasks.Multiclass("y")).predict(frame)["y"]
        assert found.dtype == frame["y"].dtype, name
        assert (found == frame["y"]).mean() > 0.9, name


def test_the_most_frequent_spelling_is_taken_and_what_has_no_room_is_text():
    raw = pl.Series("y", [" a", "a", "a", "b"])
    label = LabelType.of(raw, raw.str.strip_chars())
    assert label.restored(["a", "b", "(other)"]).to_list() == ["a", "b", "(other)"]
    numbers = pl.Series("y", [1, 2], dtype=pl.Int8)
    assert LabelType.of(numbers, numbers).restored([1, "(other)"]).to_list() == ["1", "(other)"]


def test_it_survives_json():
    for y in COLUMNS.values():
        label = LabelType.of(y, y)
        saved = json.loads(json.dumps(label.to_json()))
        assert LabelType.from_json(saved) == label


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
def test_predicted_numbers_are_as_wide_as_their_column(dtype, tmp_path):
    frame = pl.DataFrame({"x": X, "y": pl.Series(2 * X, dtype=dtype)})
    learner = fitted(frame, ct.tasks.Regression("y"))
    learner.save(tmp_path / "run")
    for one in (learner, ct.Learner.load(tmp_path / "run")):
        assert one.predict(frame)["y"].dtype == dtype
        assert isinstance(one.predict(frame.row(0, named=True))["y"], float)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.Decimal(10, 2)])
def test_predictions_of_whole_numbers_stay_floats(dtype):
    frame = pl.DataFrame({"x": X, "y": pl.Series([int(3 * v) for v in X]).cast(dtype)})
    found = fitted(frame, ct.tasks.Regression("y")).predict(frame)["y"]
    assert found.dtype == pl.Float64
    assert (found != found.round()).any()


def test_pandas_gets_its_own_floats():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for dtype in ("float32", "float64", "Float32", "Float64"):
        frame = pandas.DataFrame({"x": X, "y": pandas.Series(2 * X).astype(dtype)})
        found = fitted(frame, ct.tasks.Regression("y")).predict(frame)["y"]
        assert found.dtype == frame["y"].dtype, dtype


def test_columns_that_pandas_numbers_are_learned_predicted_and_evaluated_like_named_ones():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    y = pandas.Categorical(np.where(X > 0, "b", "a"))
    numbered = pandas.DataFrame({0: X, 1: np.where(X > 1, "u", "v"), 2: y}, index=range(7, 7 + N))
    named = numbered.rename(columns=str)
    first, second = (fitted(frame, ct.tasks.Binary("2")) for frame in (numbered, named))
    for frame in (numbered, named):
        pandas.testing.assert_frame_equal(first.predict(frame), second.predict(frame))
        assert first.evaluate(frame).to_dicts() == second.evaluate(frame).to_dicts()
    assert first.predict(numbered)["2"].dtype == y.dtype
    row = numbered.iloc[0].to_dict()
    assert first.predict(row) == second.predict({str(name): value for name, value in row.items()})


def test_a_logger_is_told_that_numbers_became_names():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    class Heard(ct.training.Logger):
        def __init__(self):
            self.lines = []

        def start(self, start): ...
        def step(self, step, losses): ...
        def epoch(self, record): ...
        def finish(self): ...
        def message(self, text):
            self.lines.append(text)

    learner = ct.Learner([ct.tasks.Regression("y")], training=ct.Training(epochs=1))
    for names, expected in (([0, "y"], True), (["0", "y"], False)):
        heard = Heard()
        frame = pandas.DataFrame(np.stack([X, 2 * X], axis=1), columns=names)
        learner.fit(frame, 0.2, progress=False, loggers=[heard])
        said = [line for line in heard.lines if line.startswith("columns with numbers for names")]
        assert said == (["columns with numbers for names are called by these as text: 0"] if expected else [])


def test_columns_and_missing_words_may_be_numbered_too():
    learner = ct.Learner([ct.tasks.Binary("y")], columns={0: "drop"}, missing={0: ["x"], "*": ["y"]})
    assert learner.columns == {"0": "drop"}
    assert learner.missing == {"0": ["x"], "*": ["y"]}


def test_lists_of_tags_come_back_as_lists():

    frame = pl.DataFrame({"pos": [["A", "B"], ["B"], ["A"]] * 3})
    task = ct.tasks.Tagging("pos")
    task.fit(frame)
    assert label_types(frame, [task], TypedTable.read) == {}
