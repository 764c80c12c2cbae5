import csv
import io
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain.data import read_table, write_table
from cotrain.data._write import flat
from cotrain.tasks import Tagging

NESTED = pl.DataFrame(
    {
        "list": [["a", "b"], [], None],
        "numbers": [[1, 2], [3], None],
        "lists": [[[1], [2, 3]], None, []],
        "struct": [{"a": 1, "b": date(2020, 1, 1)}, None, {"a": None, "b": None}],
        "structs": [[{"a": "ä"}], [], None],
        "array": pl.Series([[1, 2], [3, 4], None], dtype=pl.Array(pl.Int64, 2)),
        "bytes": [b"\x00\xff", None, b""],
        "x": [1, 2, 3],
    }
)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_every_column_can_be_written(tmp_path: Path, name: str) -> None:
    frame = NESTED.drop("bytes") if name == "t.jsonl" else NESTED
    write_table(frame, tmp_path / name)
    assert read_table(tmp_path / name)["x"].to_list() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_nested_values_are_joined_or_json() -> None:
    row = flat(NESTED).row(0, named=True)
    assert row["list"] == "a, b"
    assert row["numbers"] == "1, 2"
    assert row["lists"] == "[[1], [2, 3]]"
    assert row["struct"] == '{"a": 1, "b": "2020-01-01"}'
    assert row["structs"] == '[{"a": "ä"}]'
    assert row["array"] == "1, 2"
    assert row["bytes"] == "00ff"
    assert flat(NESTED)["struct"].to_list()[1] is None


NAMES = st.text(alphabet="ab ,O-", max_size=3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.lists(st.none() | NAMES, max_size=4), min_size=1))
def test_every_entry_of_a_list_is_at_its_place_in_a_csv(cells: list) -> None:
    column = flat(pl.DataFrame({"tags": pl.Series(cells, dtype=pl.List(pl.String))}))["tags"]
    if column.str.starts_with("[").any():
        assert [None if text is None else json.loads(text) for text in column] == cells
        return
    for cell, text in zip(cells, column, strict=True):
        assert (text is None) == (cell is None)
        if cell:
            assert text.split(", ") == cell
            assert len(set(cell)) == len(cell)


def test_null_tags_of_words_come_back_from_a_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame({"pos": [["N", None, "V"], ["N", "N"], None]})
    write_table(frame, tmp_path / "t.csv")
    read = read_table(tmp_path / "t.csv")
    task = Tagging("pos")
    task.fit(read)
    for ours, theirs in zip(task.encode(read), task.encode(frame), strict=True):
        assert [row.tolist() for row in ours] == [row.tolist() for row in theirs]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.text(alphabet="=+-@\t\r\n'ab1,\"", max_size=5), min_size=1))
def test_no_text_of_a_neutralised_file_begins_a_formula(cells: list) -> None:
    frame = pl.DataFrame({"=x": pl.Series(cells, dtype=pl.String), "n": [-1.5] * len(cells)})
    text = flat(frame, neutralise=True).write_csv()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    for cell, row in zip([None, *cells], rows, strict=True):
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
        if cell is not None:
            assert row[0] in (cell, "'" + cell)
    assert rows[1][1] == "-1.5"
    assert flat(frame).equals(frame)


def test_says_what_is_wrong_and_leaves_the_old_file(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1]})
    (tmp_path / "t.csv").mkdir()
    for path, message in (
        (tmp_path / "t.xlsx", "the ending '.xlsx' is not known"),
        (tmp_path / "no" / "t.csv", "there is no folder"),
        (tmp_path / "t.csv", "Cannot write"),
    ):
        with pytest.raises(DataError, match=message):
            write_table(frame, path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]
