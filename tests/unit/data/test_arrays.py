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


def test_says_what_is_wrong() -> None:
    for source, targets, message in (
        ((X, X[:10, 0]), (), r"different numbers of rows: \[10, 40\]"),
        (np.zeros((2, 2, 2)), (), "is no table"),
        ((X, X[:, :2]), ("a",), "y has 2 columns, but the tasks have 1"),
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
