import gzip
import sqlite3
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import read_table

TABLE = pl.DataFrame({"n": [1, 2, None], "x": [0.5, None, 1.5], "t": ["ä", None, "c, d"]})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "films.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE films (id INTEGER, title TEXT, score REAL)")
        connection.executemany("INSERT INTO films VALUES (?, ?, ?)", [(1, "A", 0.5), (2, None, None)])
        connection.execute("CREATE TABLE empty (id INTEGER)")
    connection.close()
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_reads_a_csv_file_with_any_usual_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.csv"
    TABLE.write_csv(path, separator=separator)
    assert read_table(path).equals(TABLE)


def test_reads_a_compressed_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(TABLE.write_csv().encode()))
    assert read_table(str(path)).equals(TABLE)


def test_csv_takes_the_usual_words_for_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,x\nNA,null\n,\nNaN,N/A\n")
    frame = read_table(path)
    assert frame["a"].to_list() == [1, None, None, None]
    assert frame["b"].to_list() == ["x", None, None, None]


def test_reads_parquet_and_json(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.write_ndjson(tmp_path / "b.jsonl")
    TABLE.write_ndjson(tmp_path / "c.json")
    TABLE.write_json(tmp_path / "d.json")
    for name in ("a.parquet", "b.jsonl", "c.json", "d.json"):
        assert read_table(tmp_path / name).equals(TABLE), name


def test_reads_a_database_by_table_name_or_query(database: Path) -> None:
    expected = pl.DataFrame({"id": [1, 2], "title": ["A", None], "score": [0.5, None]})
    assert read_table(database, "films").equals(expected)
    assert read_table(f"sqlite:///{database}", "SELECT * FROM films").equals(expected)
    assert read_table(database, "SELECT title AS t FROM films WHERE id = 1").equals(
        pl.DataFrame({"t": ["A"]})
    )


def test_a_database_is_never_written(database: Path) -> None:
    with pytest.raises(DataError, match="may only read: give one SELECT"):
        read_table(database, "DELETE FROM films")
    assert read_table(database, "films").height == 2


def test_a_database_column_of_mixed_types_is_text(tmp_path: Path) -> None:
    path = tmp_path / "mixed.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), ("x",), (None,)])
    connection.close()
    assert read_table(path)["a"].to_list() == ["1", "x", None]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, "2 tables"),
        ("film", "did you mean 'films'"),
        ("SELECT other FROM films", "no such column"),
        ("SELECT a.id, b.id FROM films a, films b", "more than one column named 'id'"),
        ("empty", "0 rows"),
    ],
)
def test_says_what_is_wrong_with_a_query(database: Path, query: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(database, query)


def test_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "nothing.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "twice.csv").write_text("a,b,a\n1,2,3\n")
    (tmp_path / "broken.parquet").write_text("no parquet")
    (tmp_path / "broken.db").write_text("no database, but long enough to be looked at")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "latin.csv").write_bytes("a\nm\xfcde\n".encode("latin-1"))
    (tmp_path / "late.csv").write_bytes(("a\n" + "x\n" * 20_000 + "m\xfcde\n").encode("latin-1"))
    (tmp_path / "sheet.xlsx").write_text("x")
    for name, message in {
        "tabel.csv": "did you mean 'table.csv'",
        "nothing.csv": "0 bytes",
        "header.csv": "0 rows",
        "twice.csv": "more than one column named 'a'",
        "broken.parquet": "Cannot read",
        "broken.db": "Cannot read",
        "ragged.csv": "line 3 has 3 cells, the header has 2",
        "latin.csv": "Cannot read.*Save it as UTF-8",
        "late.csv": "Cannot read.*Save it as UTF-8",
        "sheet.xlsx": r"ending.*'\.csv'",
        "": "as a folder: parquet",
    }.items():
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / name)
    with pytest.raises(DataError, match="not a database"):
        read_table(tmp_path / "table.csv", "films")


def test_takes_frames_and_refuses_what_is_none() -> None:
    assert read_table(TABLE).equals(TABLE)
    with pytest.raises(DataError, match="got int"):
        read_table(3)
    with pytest.raises(DataError, match="0 columns and 0 rows"):
        read_table(pd.DataFrame())
