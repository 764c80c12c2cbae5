import datetime
import math
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
from cotrain.data._frames import frame_like, native_columns, numbered_names, with_text_names

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


#: A cell that is missing, and one that is not, of every type that a label column of pandas may have.
PANDAS = {
    "objects": pd.Series(["a", None], dtype=object),
    "objects with NaN": pd.Series(["a", np.nan], dtype=object),
    "text": pd.Series(["a", None], dtype="string"),
    "category": pd.Series(pd.Categorical(["a", None])),
    "numbered category": pd.Series(pd.Categorical([3, None])),
    "ordered category": pd.Series(pd.Categorical(["a", None], ["b", "a"], ordered=True)),
    "float32": pd.Series([1.5, np.nan], dtype="float32"),
    "float64": pd.Series([1.5, np.nan]),
    "nullable integers": pd.Series([1, None], dtype="Int8"),
    "nullable floats": pd.Series([1.5, None], dtype="Float32"),
    "nullable booleans": pd.Series([True, None], dtype="boolean"),
    "booleans": pd.Series([True, None], dtype=object),
    "moments": pd.to_datetime(pd.Series(["2020-01-31", None])),
    "moments of a zone": pd.to_datetime(pd.Series(["2020-01-31", None])).dt.tz_localize("Asia/Shanghai"),
    "arrow": pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string())),
}


@pytest.mark.parametrize("name", PANDAS)
def test_cells_are_filled_in_the_type_of_the_column_and_all_else_stays(name):
    column = PANDAS[name]
    like = pd.concat([column.rename(0), pd.Series([1, 2], name="other")], axis=1).set_axis(["u", "u"])
    before = like.copy()
    table = to_polars(like)
    filled = table.with_columns(
        pl.Series("0", [table["0"][0]] * 2, dtype=table["0"].dtype), pl.Series("sure", [None, 0.5])
    )
    found = frame_like(filled, like, {"0": np.array([False, True])})
    assert found[0].dtype == column.dtype
    assert found[0].iloc[0] == found[0].iloc[1] == column.iloc[0]
    assert list(found.columns) == [0, "other", "sure"]
    assert found.index.equals(like.index)
    pd.testing.assert_series_equal(found["other"], like["other"])
    assert found["sure"].isna().tolist() == [True, False]
    pd.testing.assert_frame_equal(like, before)
    untouched = frame_like(table, like, {"0": np.array([False, False])})
    pd.testing.assert_frame_equal(untouched, before)


def test_a_class_that_the_category_lacks_is_added_to_it():
    like = pd.DataFrame({"y": pd.Categorical(["a", None])})
    found = frame_like(pl.DataFrame({"y": ["a", "new"]}), like, {"y": np.array([False, True])})
    assert found["y"].tolist() == ["a", "new"]
    assert found["y"].cat.categories.tolist() == ["a", "new"]


def test_what_has_no_room_in_the_column_makes_it_one_of_objects():
    like = pd.DataFrame({"y": [1.5, np.nan]})
    found = frame_like(pl.DataFrame({"y": ["1.5", "many"]}), like, {"y": np.array([False, True])})
    assert found["y"].tolist() == [1.5, "many"]


def test_cells_of_an_arrow_table_are_filled_in_its_types():
    like = pa.table({"y": pa.array([1, None], pa.int8()), "other": pa.array([[1], None])})
    y = pl.Series("y", [1, 3], dtype=pl.Int8)
    filled = to_polars(like).with_columns(y, pl.Series("sure", [None, 0.5]))
    found = frame_like(filled, like, {"y": np.array([False, True])})
    assert isinstance(found, pa.Table)
    assert found.schema.field("y").type == pa.int8()
    assert found["other"].equals(like["other"])
    assert found["y"].to_pylist() == [1, 3]
    assert found["sure"].to_pylist() == [None, 0.5]


def test_a_path_or_a_polars_frame_gets_polars():
    for like in ("table.csv", TABLE, TABLE.lazy()):
        assert frame_like(TABLE, like, {}) is TABLE


def test_what_is_said_of_numbered_columns_is_said_of_their_names():
    frame = pd.DataFrame({0: [1], np.int64(3): [2], "y": [3]})
    assert numbered_names(frame) == ["0", "3"]
    assert list(native_columns(frame)) == ["0", "3", "y"]
    assert numbered_names({"first": frame, "second": frame, "third": TABLE}) == ["0", "3"]
    assert numbered_names(TABLE) == []
    assert native_columns(TABLE) == {}
    assert with_text_names({0: "drop", "y": "text"}) == {"0": "drop", "y": "text"}
    with pytest.raises(DataError, match="more than one column named '0'"):
        with_text_names({0: "drop", "0": "text"})
    with pytest.raises(DataError, match=r"named 1.5"):
        with_text_names({1.5: "drop"})


MISSING = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT]


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_every_word_of_pandas_for_nothing_is_null(dtype):
    values = ["a", *MISSING, "b"]
    column = pd.Series(pd.Categorical(values)) if dtype == "category" else pd.Series(values, dtype=dtype)
    expected = ["a", *[None] * len(MISSING), "b"]
    assert to_polars(pd.DataFrame({"t": column}))["t"].to_list() == expected
    mixed = pd.Series(["a", 1, *MISSING, [1]], dtype=object)
    assert to_polars(pd.DataFrame({"t": mixed}))["t"].to_list() == ["a", "1", *[None] * len(MISSING), "[1]"]


def test_text_of_numpy_is_text():
    column = pd.Series([*np.array(["a", "b"]), None], dtype=object)
    assert to_polars(pd.DataFrame({"t": column}))["t"].to_list() == ["a", "b", None]


@pytest.mark.parametrize("dtype", ["float32", "float64", "Float32", "Float64"])
@pytest.mark.parametrize("other", [0.5, None])
def test_a_float_is_spelled_the_same_beside_a_missing_cell(dtype: str, other: float | None) -> None:
    # A class 0.1 of single precision became the class 0.10000000149011612.
    frame = pd.DataFrame({"x": pd.Series([0.1, other], dtype=dtype)})
    assert read_table(frame)["x"].to_list() == [0.1, other]


def test_a_list_of_mappings_has_a_row_for_each():
    rows = [
        {"x": 1.5, "tags": ["a"], "n": np.int64(3), 7: "s"},
        {"tags": np.array(["b", "c"]), "x": math.nan, "when": datetime.date(2026, 1, 2)},
        {"x": None, "n": None, "when": pd.NaT, 7: "t"},
    ]
    found = to_polars(rows)
    assert found.to_dict(as_series=False) == {
        "x": [1.5, None, None],
        "tags": [["a"], ["b", "c"], None],
        "n": [3, None, None],
        "7": ["s", None, "t"],
        "when": [None, datetime.date(2026, 1, 2), None],
    }
    assert found.schema["n"] == pl.Int64
    assert to_polars(tuple(rows)).equals(found)


@pytest.mark.parametrize("rows", [[], [1, 2], [{"x": 1}, 3]])
def test_a_list_of_anything_else_is_refused(rows):
    with pytest.raises(DataError, match="a list of mappings, or a path"):
        to_polars(rows)
