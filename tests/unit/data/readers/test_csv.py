import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain.data import read_table
from cotrain.data.readers import read_csv

CELLS = st.text(alphabet="ab\"',;|\t\n\r 0é中", max_size=6)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12),
    separator=st.sampled_from(",;|\t"),
    style=st.sampled_from(["necessary", "always"]),
)
def test_every_cell_comes_back(tmp_path_factory, rows: list, separator: str, style: str) -> None:
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame.write_csv(path, separator=separator, quote_style=style)  # type: ignore[arg-type]
    read = read_csv(path)
    assert read.columns == frame.columns
    assert read.fill_null("").equals(frame)


@pytest.mark.parametrize(
    ("text", "columns", "cells"),
    [
        ("Price, EUR;Area, m2\n1,5;2\n2,5;3\n", ["Price, EUR", "Area, m2"], None),
        ('"Price, EUR","Area; m2"\n"1;2",2\n', ["Price, EUR", "Area; m2"], {"Price, EUR": ["1;2"]}),
        ("a,b\n1;2;3,x\n4,y\n", ["a", "b"], {"a": ["1;2;3", "4"]}),
        ("a|b\n1,2|3\n4,5|6\n", ["a", "b"], {"a": ["1,2", "4,5"]}),
        ("a\tb\n1;2\t3,3\n", ["a", "b"], {"a": ["1;2"]}),
        ("a\nx\ny\n", ["a"], {"a": ["x", "y"]}),
        ('a,b\n5" disk,x\n6" disk,y\n', ["a", "b"], {"a": ['5" disk', '6" disk']}),
        ("\ufeffa,b\n1,2\n", ["a", "b"], {"a": ["1"]}),
        ("a,b\r\n1,2\r\n\r\n3,4\r\n", ["a", "b"], {"a": ["1", "3"], "b": ["2", "4"]}),
        ("\n\na,b\n1,2\n \n3,4\n\n\n", ["a", "b"], {"a": ["1", "3"]}),
        ("a,b\r1,2\r3,4\r", ["a", "b"], {"a": ["1", "3"]}),
        ("a,b\n1,2\n3,4", ["a", "b"], {"b": ["2", "4"]}),
        ("a,b\n,\n3,4", ["a", "b"], {"b": [None, "4"]}),
        ('a,b\n"x\n\ny",2\n', ["a", "b"], {"a": ["x\n\ny"]}),
    ],
    ids=repr,
)
def test_finds_separator_and_rows(tmp_path: Path, text: str, columns: list, cells: dict | None) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    frame = read_csv(path)
    assert frame.columns == columns
    for name, expected in (cells or {}).items():
        assert frame[name].to_list() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n", "line 3 has 2 cells, the header has 3"),
        ("a,b,c\n1,2,3\n\n4,5,6,7\n", "line 4 has 4 cells, the header has 3"),
        ("a,b,c\n1,2,3\n4,5", "line 3 has 2 cells, the header has 3: the file may be cut off"),
        ('a,b\n"x\ny",1\n2\n', "line 4 has 1 cell, the header has 2"),
        ('a,b\n1,2\n3,"cut off', "the quotes that open in line 3 are never closed"),
        ('a,b\n5" disk,x\n6" disk\n', "line 3 has 1 cell, the header has 2"),
    ],
    ids=repr,
)
def test_refuses_ragged_and_cut_files_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 40))
def test_no_cut_of_a_file_gives_a_row_with_fewer_cells(tmp_path: Path, cut: int) -> None:
    text = b'name,"x, y",z\n"A ""b"" c",1,2\nlong,3,45\n'
    path = tmp_path / "t.csv"
    path.write_bytes(text[:-cut])
    try:
        frame = read_table(path)
    except DataError:
        return
    # What is left ends with the last cell of a row, or within it, which nobody can see.
    assert text[:-cut].rstrip(b"\n").count(b",", text[:-cut].rstrip(b"\n").rfind(b"\n") + 1) >= 2
    assert frame.columns == ["name", "x, y", "z"]


def test_reads_other_encodings_by_their_mark_and_refuses_the_rest(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\nä,1\n".encode("utf-16"))
    assert read_csv(tmp_path / "t.csv")["a"].to_list() == ["ä"]
    packed = gzip.compress("a,b\nä,1\n".encode() * 100)
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-10])
    with pytest.raises(DataError, match=r"Cannot read .*cut\.csv\.gz"):
        read_table(tmp_path / "cut.csv.gz")


def test_a_comma_is_the_decimal_mark_where_semicolons_separate(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Price, EUR;City\n1.250,5;Bern\n7;Rom\n")
    assert read_table(tmp_path / "t.csv")["Price, EUR"].to_list() == [1250.5, 7]


@pytest.mark.parametrize("mark", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\r\n"])
def test_a_first_line_may_name_the_separator(tmp_path: Path, mark: str) -> None:
    (tmp_path / "t.csv").write_text(mark + 'a,b;c\n1,5;x\n2;"y"z\n', newline="")
    frame = read_table(tmp_path / "t.csv")
    assert frame.columns == ["a,b", "c"]
    assert frame["a,b"].to_list() == [1.5, 2]
    (tmp_path / "t.csv").write_text(mark + "a;b\n1;2\n3\n", newline="")
    with pytest.raises(DataError, match="line 4 has 1 cell, the header has 2"):
        read_table(tmp_path / "t.csv")


def test_a_file_is_named_as_it_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match="^t.csv has more than one column named 'a'"):
        read_csv(Path("t.csv"))
