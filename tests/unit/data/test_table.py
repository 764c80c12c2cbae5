"""One table whatever the format: the same cells are the same columns, labels and tensors."""

import json
import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError, numpy_generator
from cotrain.data import Schema, TypedTable, infer_tasks, read_cells, read_table
from cotrain.data._missing import WORDS
from cotrain.data._table import require_types
from cotrain.tasks import Binary, Multiclass


def _sqlite(frame: pl.DataFrame, path: Path) -> None:
    # As sqlite3 stores what Python has: no type for dates, nor for true and false unless declared.
    declared = {pl.Boolean: " BOOLEAN", pl.Int64: " INTEGER", pl.Float64: " REAL", pl.String: " TEXT"}
    names = ", ".join(f'"{name}"{declared.get(dtype, "")}' for name, dtype in frame.schema.items())
    rows = [[str(value) if isinstance(value, date) else value for value in row] for row in frame.iter_rows()]
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE t ({names})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * frame.width)})", rows)
    connection.close()


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "a.csv": lambda frame, path: frame.write_csv(path),
    "a.tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "quoted.csv": lambda frame, path: frame.write_csv(path, quote_style="always"),
    "bar.csv": lambda frame, path: frame.write_csv(path, separator="|"),
    "pandas.csv": lambda frame, path: pandas_of(frame).to_csv(path, index=False),
    "a.parquet": lambda frame, path: frame.write_parquet(path),
    "a.jsonl": lambda frame, path: frame.write_ndjson(path),
    "a.json": lambda frame, path: frame.write_json(path),
    "a.db": _sqlite,
}


def pandas_of(frame: pl.DataFrame) -> pd.DataFrame:
    # As objects: pandas would make floats of whole numbers beside a gap, and lose their digits.
    columns = {name: pd.Series(frame[name].to_list(), dtype=object) for name in frame.columns}
    return pd.DataFrame(columns)


TEXTS = [
    st.sampled_from(["00501", "02139", "1", "12"]),
    st.sampled_from(["1e3", "2e5", "7"]),
    st.sampled_from(["+4912", "+31", "5"]),
    st.sampled_from(["01", "02"]),
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from(["1.5", "2", "-0.25", "1e-7", "3.0"]),
    st.sampled_from(["12345678901234567890", "9007199254740993", "5"]),
    st.sampled_from(["9007199254740993", "1.5"]),
    st.sampled_from(["NA", "nan", "None", "?", "x", "", " y ", "null", "n/a"]),
    st.sampled_from(["true", "false"]),
    st.sampled_from(["True", "False", "yes"]),
    st.sampled_from(["a, b", "b", "c, a", 'q"q', "x\ny", "a;b", "tab\there"]),
    st.sampled_from(["2020-01-02", "2021-12-31"]),
    st.sampled_from(["2020-01-02T03:04:05+02:00", "2020-01-02 03:04:05Z", "2021-06-01"]),
    st.sampled_from(["2020-02-30", "2020-01-02"]),
    st.sampled_from(["电影很好看", "不好看", "一般、还行"]),
    st.text(alphabet="ab1 ,;.-'|é", max_size=6),
]
VALUES: list[tuple[st.SearchStrategy, type[pl.DataType] | pl.DataType]] = [
    *((texts, pl.String) for texts in TEXTS),
    (st.integers(-5, 20), pl.Int64),
    (st.integers(0, 1), pl.Int64),
    (st.integers(-(2**63), 2**63 - 1), pl.Int64),
    (st.sampled_from([1.0, 2.0, 3.0]), pl.Float64),
    (st.floats(allow_nan=False, allow_infinity=False, width=64), pl.Float64),
    (st.booleans(), pl.Boolean),
    (st.dates(date(1900, 1, 1), date(2100, 1, 1)), pl.Date),
    (st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), pl.Datetime("us")),
]


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    n_rows = draw(st.integers(1, 40))
    columns = {}
    for number in range(draw(st.integers(2, 5))):
        values, dtype = draw(st.sampled_from(VALUES))
        cells = draw(st.lists(st.none() | values, min_size=n_rows, max_size=n_rows))
        columns[f"c{number}"] = pl.Series(cells, dtype=dtype)
    return pl.DataFrame(columns)


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one.schema == other.schema and one.equals(other)


def everything(table: TypedTable) -> tuple:
    """Return the columns' kinds, the labels that are counted, and the tensors, or what is refused."""
    frame = table.frame
    try:
        schema = Schema.infer(frame, types=table.types, ask=False)
        schema.fit(frame)
        tensors = schema.encode(frame)
    except DataError as error:
        return (str(error),)
    tasks = []
    for name in frame.columns:
        try:
            tasks.append(infer_tasks(frame, [name])[0])
        except DataError as error:
            tasks.append(str(error))
    saved = json.dumps(schema.to_json())
    return saved, tasks, {name: (tensor.dtype, tensor.numpy().tobytes()) for name, tensor in tensors.items()}


@settings(max_examples=25, deadline=None)
@given(frame=tables())
def test_the_same_cells_are_the_same_table_in_every_format(tmp_path_factory, frame: pl.DataFrame) -> None:
    folder = tmp_path_factory.mktemp("formats")
    expected = TypedTable.read(frame)
    wanted = everything(expected)
    sources = {"pandas": pandas_of(frame), "arrow": frame.to_arrow()}
    for name, write in WRITERS.items():
        write(frame, folder / name)
        sources[name] = folder / name
    for name, source in sources.items():
        found = TypedTable.read(source)
        assert same(found.frame, expected.frame), (name, found.frame, expected.frame)
        assert found.types == expected.types, name
        assert everything(found) == wanted, name


@settings(max_examples=60, deadline=None)
@given(frame=tables())
def test_reading_again_changes_nothing(frame: pl.DataFrame) -> None:
    once = TypedTable.read(frame)
    assert same(TypedTable.read(once.frame).frame, once.frame)
    assert TypedTable.read(once) is once
    # Nor does the type that is known from training, for the rows that it was learned from.
    assert same(TypedTable.read(frame, types=once.types).frame, once.frame)
    assert same(TypedTable.read(once, types=once.types).frame, once.frame)


@settings(max_examples=40, deadline=None)
@given(frame=tables(), data=st.data())
def test_some_rows_have_the_types_of_all(tmp_path_factory, frame: pl.DataFrame, data: st.DataObject) -> None:
    table = TypedTable.read(frame)
    rows = data.draw(st.lists(st.integers(0, frame.height - 1), min_size=1, unique=True))
    expected = table[np.array(rows)].frame
    # Columns of fractions and times of day may have none in some rows, which then are whole.
    settled = [name for name, kind in table.types.items() if kind not in ("empty", "number", "datetime")]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    frame[rows].write_csv(path)
    for source in (frame[rows], path):
        found = TypedTable.read(source, types=table.types).frame
        assert same(found.select(settled), expected.select(settled))
    table[np.array(rows)].write_parquet(path.with_suffix(".parquet"))
    again = TypedTable.read(path.with_suffix(".parquet"))
    assert again.types == table.types
    assert same(again.frame, expected)


@pytest.mark.parametrize(
    ("cells", "kind", "read"),
    [
        (["00501", "12"], "text", ["00501", "12"]),
        (["01", "02"], "text", ["01", "02"]),
        (["1e3", "2e5"], "text", ["1e3", "2e5"]),
        (["+4912", "5"], "text", ["+4912", "5"]),
        (["12345678901234567890", "5"], "text", ["12345678901234567890", "5"]),
        (["9007199254740993", "1.5"], "text", ["9007199254740993", "1.5"]),
        (["9007199254740993", "1"], "integer", [9007199254740993, 1]),
        (["1e16", "1.5e+20", "2.5e-7"], "number", [1e16, 1.5e20, 2.5e-7]),
        (["1.50", "-2", ".5"], "number", [1.5, -2.0, 0.5]),
        (["1.0", " 2 ", ""], "integer", [1, 2, None]),
        (["TRUE", "false"], "boolean", [True, False]),
        (["2020-01-02", "NA"], "date", [date(2020, 1, 2), None]),
        (["2020-01-02 00:00:00", "2020-01-03"], "date", [date(2020, 1, 2), date(2020, 1, 3)]),
        (["2020-01-01T01:30:00+02:00", "2020-01-01T12:00"], "datetime", None),
        (["2020-02-30", "2020-01-02"], "text", ["2020-02-30", "2020-01-02"]),
        (["2020-01-02T25:00", "2020-01-02"], "text", ["2020-01-02T25:00", "2020-01-02"]),
        (["?", "#N/A"], "empty", [None, None]),
    ],
)
def test_cells_keep_their_meaning(cells: list[str], kind: str, read: list | None) -> None:
    table = TypedTable.read(pl.DataFrame({"a": cells}))
    assert table.types == {"a": kind}
    if read is None:
        read = [datetime(2019, 12, 31, 23, 30), datetime(2020, 1, 1, 12)]
    assert table.frame["a"].to_list() == read


def test_times_are_the_same_moments_in_every_zone() -> None:
    moments = pl.Series("t", [datetime(2020, 1, 1, 23), datetime(2020, 6, 1, 1)]).dt.replace_time_zone("UTC")
    expected = read_table(moments.to_frame())
    for zone in ("Asia/Shanghai", "America/New_York"):
        away = moments.dt.convert_time_zone(zone).to_frame()
        assert same(read_table(away), expected)
        assert same(read_table(away.select(pl.col("t").dt.strftime("%Y-%m-%dT%H:%M:%S%z"))), expected)


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Decimal(10, 2), pl.Int8, pl.UInt64, pl.Categorical])
def test_narrow_types_are_what_they_spell(dtype: pl.DataType) -> None:
    cells = ["1", "2", "1"] if dtype in (pl.Int8, pl.UInt64) else ["1.1", "2.25", "1.1"]
    text = pl.Series("a", cells)
    column = text if dtype == pl.Categorical else text.cast(pl.Float64)
    assert same(read_table(column.cast(dtype).to_frame()), read_table(text.to_frame()))


def test_whole_numbers_beyond_the_type_stay_whole() -> None:
    assert read_table(pl.DataFrame({"a": pl.Series([2**64 - 1, 1], dtype=pl.UInt64)}))["a"].to_list() == [
        "18446744073709551615",
        "1",
    ]


def test_one_list_of_missing_words_for_every_source(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [*WORDS, "x", ""], "b": ["y"] * (len(WORDS) + 2)})
    for name, write in WRITERS.items():
        write(frame, tmp_path / name)
        table = TypedTable.read(tmp_path / name)
        assert table.frame["a"].drop_nulls().to_list() == ["x"], name
    assert TypedTable.read(frame).blanked["a"]["?"] == 1


def test_missing_words_can_be_set_for_all_and_for_one_column() -> None:
    frame = pl.DataFrame({"country": ["NA", "DE", ""], "n": ["-999", "1", "?"], "x": [-999.0, 1.5, None]})
    table = TypedTable.read(frame, missing={"country": [], "*": ["-999", "?"]})
    assert table.frame["country"].to_list() == ["NA", "DE", None]
    assert table.frame["n"].to_list() == [None, 1, None]
    assert table.frame["x"].to_list() == [None, 1.5, None]
    assert table.blanked == {"n": {"-999": 1, "?": 1}, "x": {"-999": 1}}
    for wrong in ("NA", [True], {"a": "NA"}, [None]):
        with pytest.raises(InvalidArgumentError, match="missing"):
            TypedTable.read(frame, missing=wrong)  # type: ignore[arg-type]


def test_a_category_is_recognised_in_rows_that_spell_numbers() -> None:
    # In training some cells were words, so "1.50" is a word; the new rows hold nothing but numbers.
    train = TypedTable.read(pl.DataFrame({"size": ["1.50", "2", "XL"] * 10}))
    schema = Schema.infer(train.frame, types=train.types).fit(train.frame)
    new = pl.DataFrame({"size": ["1.50", "2"]})
    seen = schema.encode(TypedTable.read(new, types=train.types).frame)["categories"]
    assert torch.equal(seen, schema.encode(train.frame)["categories"][:2])
    # And the other way round: whole numbers come back as floats where one is missing.
    train = TypedTable.read(pl.DataFrame({"user_id": [1, 2, 3] * 10}))
    schema = Schema.infer(train.frame, types=train.types).fit(train.frame)
    for cells in ([1.0, 3.0, None], ["1.0", "3", ""]):
        seen = schema.encode(TypedTable.read(pl.DataFrame({"user_id": cells}), types=train.types).frame)
        assert torch.equal(seen["categories"][:2, 0], schema.encode(train.frame)["categories"][[0, 2], 0])


def test_labels_are_counted_the_same_in_every_format(tmp_path: Path) -> None:
    rng = numpy_generator("labels")
    frame = pl.DataFrame(
        {
            "code": rng.choice(["01", "02", "10", "NA"], 60).tolist(),
            "mark": rng.choice(["1", "2", "nan"], 60).tolist(),
            "x": rng.normal(size=60),
        }
    )
    wanted = None
    for name, write in WRITERS.items():
        write(frame, tmp_path / name)
        read = read_table(tmp_path / name)
        code, mark = Multiclass("code"), Binary("mark")
        code.fit(read)
        mark.fit(read)
        found = (
            code.state_dict(),
            mark.state_dict(),
            *(x.tolist() for x in (*code.encode(read), *mark.encode(read))),
        )
        wanted = wanted or found
        assert found == wanted, name
    assert wanted is not None
    assert wanted[0]["classes"] == ["01", "02", "10"]


def test_cells_of_a_file_are_left_alone_where_nobody_types_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n 01 ,NA\n1.50,\n")
    assert read_cells(tmp_path / "a.csv").to_dict(as_series=False) == {
        "a": [" 01 ", "1.50"],
        "b": ["NA", None],
    }


def test_refuses_damaged_types() -> None:
    assert require_types({"a": "text"}) == {"a": "text"}
    with pytest.raises(DataError, match="damaged"):
        require_types({"a": "blob"})
