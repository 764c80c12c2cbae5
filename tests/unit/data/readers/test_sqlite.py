import sqlite3
from pathlib import Path

import pytest

from cotrain._base import DataError
from cotrain.data import read_table


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (zip TEXT, flag BOOLEAN, n INTEGER, plain)")
        rows = [("00501", True, 1, 2**53 + 1), ("02139", False, None, 1.5), (None, None, 3, "x")]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE VIEW v AS SELECT zip FROM t")
        connection.execute('CREATE TABLE "two words" (a)')
    connection.close()
    return path


def test_cells_have_the_types_that_they_were_stored_with(database: Path) -> None:
    assert read_table(database, "t").to_dict(as_series=False) == {
        "zip": ["00501", "02139", None],
        "flag": [True, False, None],
        "n": [1, None, 3],
        "plain": ["9007199254740993", "1.5", "x"],
    }
    assert read_table(database, "v").height == 3
    assert read_table(database, "WITH s AS (SELECT n FROM t) SELECT max(n) AS m FROM s")["m"].to_list() == [3]
    with pytest.raises(DataError, match="0 rows"):
        read_table(database, "two words")


@pytest.mark.parametrize(
    "query",
    [
        "VACUUM INTO '{other}'",
        "ATTACH '{other}' AS o",
        "ATTACH DATABASE '{other}' AS o",
        "DELETE FROM t",
        "DROP TABLE t",
        "INSERT INTO t (n) VALUES (1)",
        "CREATE TABLE o AS SELECT * FROM t",
        "CREATE TEMP TABLE o AS SELECT * FROM t",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA table_info(t)",
        "SELECT load_extension('{other}')",
        "BEGIN IMMEDIATE",
        "SELECT 1 AS a; VACUUM INTO '{other}'",
        "EXPLAIN DELETE FROM t",
        "SELECT * FROM pragma_database_list",
    ],
)
def test_a_query_can_do_nothing_but_read(database: Path, query: str) -> None:
    other = database.parent / "other.db"
    before = database.read_bytes()
    with pytest.raises(DataError):
        read_table(database, query.format(other=other))
    assert sorted(path.name for path in database.parent.iterdir()) == ["t.db"]
    assert database.read_bytes() == before
