import numpy as np
import pandas as pd
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError, numpy_generator
from cotrain.data import read_table
from cotrain.data._arrays import arrays_to_polars, is_arrays

X = numpy_generator("arrays").normal(size=(40, 3))


def test_an_array_is_the_frame_that_pandas_makes_of_it() -> None:
    assert read_table(X).equals(read_table(pd.DataFrame(X)))
    assert read_table(X).columns == ["0", "1", "2"]


def test_a_pair_a_dict_and_a_structured_array() -> None:
    assert arrays_to_polars((X, X[:, 0])).columns == ["0", "1", "2", "y"]
    assert arrays_to_polars((X, X[:, :2]), ["a", "b"]).columns == ["0", "1", "2", "a", "b"]
    assert arrays_to_polars({"x": X, "sold": [1] * 40}).columns == ["x_0", "x_1", "x_2", "sold"]
    fields = np.array([(1, 2.5), (3, 4.5)], dtype=[("n", "i4"), ("v", "f8")])
    assert arrays_to_polars(fields).to_dict(as_series=False) == {"n": [1, 3], "v": [2.5, 4.5]}
    words = arrays_to_polars((X[:3], np.array(["a", None, float("nan")], dtype=object)))
    assert words["y"].to_list() == ["a", None, None]
    assert not is_arrays([1, 2])
    assert not is_arrays(pl.DataFrame({"a": [1]}))


def test_lists_are_cells() -> None:
    for tags in ([["a"], ["b", "c"]], [["a", "b"], ["c", "d"]], [["a", "b"], None]):
        frame = arrays_to_polars({"x": [1, 2], "tags": tags})
        assert frame["tags"].to_list() == tags
    assert arrays_to_polars((X[:3], [["a"], ["b", "c"], []]), ["tags"])["tags"].to_list()[1] == ["b", "c"]
    assert arrays_to_polars((X[:2], [[1, 2], [3, 4]])).columns[3:] == ["y_0", "y_1"]


@pytest.mark.parametrize("dtype", ["f8", "i4", "bool", "U3", "O", "M8[s]"])
def test_what_a_masked_array_hides_is_missing(dtype: str) -> None:
    hidden = np.array([[False, True], [False, False], [True, False]])
    values = np.ma.masked_array(np.array([[1, 0], [0, 1], [1, 1]]).astype(dtype), hidden)
    for frame in (read_table((X[:3], values)), read_table((X[:3], values[:, 0]))):
        for place, name in enumerate(frame.columns[3:]):
            assert frame[name].is_null().to_list() == hidden[:, place].tolist()
    whole = np.ma.masked_array(np.arange(3.0))
    assert arrays_to_polars((X[:3], whole))["y"].to_list() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("unit", ["Y", "M", "D", "h", "m", "s", "ms", "us", "ns"])
def test_times_of_every_unit_are_times(unit: str) -> None:
    days = np.array(["2020-03-01", "NaT"], "M8[D]").astype(f"M8[{unit}]")
    found = read_table({"at": days})["at"].cast(pl.Date).to_list()
    assert (found[0].year, found[1]) == (2020, None)
    if unit not in ("Y", "M", "D"):
        assert read_table({"took": np.array([86400, 1], f"m8[{unit}]")}).height == 2
    assert read_table({"x": np.array([0.5, 1.5], np.longdouble)})["x"].to_list() == [0.5, 1.5]


def test_says_what_is_wrong() -> None:
    for source, targets, message in (
        ((X, X[:10, 0]), (), r"different numbers of rows: \[10, 40\]"),
        (np.zeros((2, 2, 2)), (), "is no table"),
        ((X, X[:, :2]), ("a",), "y has 2 columns, but the tasks have 1"),
        (([[1, 2], [3]], [0, 1]), (), "rows of X have different lengths"),
        ({"a": X[:2, 0] * 1j}, (), "column 'a' holds complex128"),
        ({"a": X, "a_0": X[:, 0]}, (), "two columns of the name 'a_0'"),
    ):
        with pytest.raises(DataError, match=message):
            arrays_to_polars(source, targets)


def test_a_learner_learns_from_arrays() -> None:
    # Columns of y are the tasks', whatever these are called.
    learner = ct.Learner(
        [ct.tasks.Binary("up"), ct.tasks.Regression("sum")], training=ct.Training(epochs=1, batch_size=16)
    )
    y = np.stack([(X[:, 0] > 0).astype(float), X.sum(axis=1)], axis=1)
    learner.fit((X, y), validation=0.25, progress=False)
    frame = pd.DataFrame(X).assign(up=y[:, 0], sum=y[:, 1])
    assert learner.predict(X).equals(learner.predict(X.tolist() and arrays_to_polars(X)))
    assert learner.evaluate((X, y)).rows == learner.evaluate(frame).rows
