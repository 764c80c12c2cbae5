import subprocess
import sys
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cotrain._base import DataError
from cotrain.data import from_polars_like, read_table, to_polars

TABLE = pl.DataFrame({"n": [1, 2, 3], "x": [0.5, None, 1.5], "t": ["a", None, "c"], "b": [True, False, None]})


@pytest.mark.parametrize("frame", [TABLE, TABLE.lazy(), TABLE.to_arrow()])
def test_every_kind_of_frame_comes_in_the_same(frame: object) -> None:
    assert to_polars(frame).equals(TABLE)


def test_pandas_comes_in_with_its_missing_values() -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, np.nan, 1.5],
            "t": ["a", None, "c"],
            "o": pd.Series(["a", np.nan, None], dtype=object),
            "c": pd.Categorical(["u", "v", None]),
            "i": pd.array([1, None, 3], dtype="Int64"),
            "d": pd.to_datetime(["2020-01-02", None, "2021-03-04"]),
            "m": pd.Series([1, "x", None], dtype=object),
            "l": pd.Series([["a", "b"], ["c"], None], dtype=object),
            "b": pd.array([True, None, False], dtype="boolean"),
        }
    )
    result = to_polars(frame)
    assert result["n"].dtype == pl.Int64
    assert result["x"].to_list() == [0.5, None, 1.5]
    assert result["t"].to_list() == ["a", None, "c"]
    assert result["o"].to_list() == ["a", None, None]
    assert result["c"].to_list() == ["u", "v", None]
    assert result["i"].to_list() == [1, None, 3]
    assert result["d"].dt.year().to_list() == [2020, None, 2021]
    assert result["m"].to_list() == ["1", "x", None]
    assert result["l"].to_list() == [["a", "b"], ["c"], None]
    assert result["b"].to_list() == [True, None, False]


def test_pandas_is_read_without_pyarrow() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import pandas as pd\n"
        "from cotrain.data import from_polars_like, read_table, to_polars\n"
        "frame = pd.DataFrame({'a': [1, 2], 't': ['x', None], 'c': pd.Categorical(['u', 'v'])})\n"
        "out = from_polars_like(to_polars(frame), frame)\n"
        "print(type(out).__module__, out.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pandas")
    assert "(2, 3)" in done.stdout


def test_goes_out_as_the_caller_brought_it() -> None:
    pandas = pd.DataFrame({"a": [1, 2, 3]}, index=["x", "y", "z"])
    out = from_polars_like(TABLE, pandas)
    assert isinstance(out, pd.DataFrame)
    assert list(out.index) == ["x", "y", "z"]
    assert out["n"].tolist() == [1, 2, 3]
    assert isinstance(from_polars_like(TABLE, pa.table({"a": [1]})), pa.Table)
    assert from_polars_like(TABLE, "table.csv") is TABLE
    assert from_polars_like(TABLE, TABLE.lazy()) is TABLE


def test_refuses_doubled_and_unnamed_columns() -> None:
    with pytest.raises(DataError, match="more than one column named 'a'"):
        to_polars(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match=r"named 1.5 .* frame.columns.map\(str\)"):
        to_polars(pd.DataFrame([[1, 2]], columns=["a", 1.5]))
    with pytest.raises(DataError, match="got list"):
        to_polars([1, 2])


def test_whole_numbers_as_names_become_text() -> None:
    frame = pd.DataFrame({0: [1.5, 2.5], "y": [0, 1]})
    assert to_polars(frame).columns == ["0", "y"]
    assert list(frame.columns) == [0, "y"]
    with pytest.raises(DataError, match="more than one column named '0'"):
        to_polars(pd.DataFrame([[1, 2]], columns=[0, "0"]))


class HuggingFaceLike:
    """What `datasets.Dataset` has of a table's."""

    column_names = ("a", "b")
    features: ClassVar[dict[str, str]] = {"a": "int64", "b": "string"}

    def __len__(self) -> int:
        return 2

    def with_format(self, form: str) -> "HuggingFaceLike":
        assert form == "arrow"
        return self

    def __getitem__(self, rows: slice) -> pa.Table:
        assert rows == slice(None)
        return pa.table({"a": [1, None], "b": ["x", "y"]})


class StreamLike:
    """What `datasets.IterableDataset` has."""

    features: ClassVar[dict[str, str]] = {}

    def with_format(self, form: str) -> "StreamLike":
        return self


def test_a_hugging_face_data_set_is_its_table() -> None:
    expected = {"a": [1, None], "b": ["x", "y"]}
    assert read_table(HuggingFaceLike()).to_dict(as_series=False) == expected
    with pytest.raises(DataError, match=r"A dict of data sets \(train, test\) .*data\['train'\]"):
        read_table({"train": HuggingFaceLike(), "test": HuggingFaceLike()})
    with pytest.raises(DataError, match="load it without streaming"):
        read_table(StreamLike())
