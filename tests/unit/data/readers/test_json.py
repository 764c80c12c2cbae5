import json
from pathlib import Path

import pytest

from cotrain._base import DataError
from cotrain.data import read_table
from cotrain.data.readers import read_json, read_jsonl


def write(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": 2**53 + 1}, {"a": 2.5, "b": 1.5}, {"a": None, "b": None}]
    for name, read in (("t.jsonl", read_jsonl), ("t.json", read_json)):
        frame = read(write(tmp_path / name, rows))
        assert frame["a"].to_list() == [1.0, 2.5, None]
        assert frame["b"].to_list() == ["9007199254740993", "1.5", None]
    assert read_table(write(tmp_path / "t.jsonl", [{"a": 1}, {"a": 2.0}]))["a"].to_list() == [1, 2]
    big = read_table(write(tmp_path / "t.jsonl", [{"a": 12345678901234567890123}, {"a": 1}]))
    assert big["a"].to_list() == ["12345678901234567890123", "1"]


def test_columns_of_several_types_are_text(tmp_path: Path) -> None:
    rows = [{"a": True, "b": [1]}, {"a": 1, "b": 2}, {"c": "late"}]
    frame = read_jsonl(write(tmp_path / "t.jsonl", rows))
    assert frame.to_dict(as_series=False) == {
        "a": ["true", "1", None],
        "b": ["[1]", "2", None],
        "c": [None, None, "late"],
    }


def test_says_which_line_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for text, message in (
        ('{"a": 1}\n\n{"a": 2}\n{"a":', "line 4 is cut off"),
        ('{"a": 1}\n{"a" 2}\n{"a": 3}\n', "line 2 is no JSON"),
        ('{"a": 1}\n[2]\n', "line 2 is no object, but list"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_table(path)
    array = tmp_path / "t.json"
    for text, message in (('[{"a": 1}, 2]', "item 2 of the array is no object"), ('[{"a":', "Cannot read")):
        array.write_text(text)
        with pytest.raises(DataError, match=message):
            read_table(array)
