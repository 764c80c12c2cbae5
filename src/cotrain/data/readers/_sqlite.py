"""SQLite databases, which are only ever read."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl

from cotrain._base import DataError, did_you_mean
from cotrain.data._frames import require_unique
from cotrain.data._mixed import column_of

#: What a query may do: select, read columns, call functions, recurse in a common table expression.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_FORBIDDEN_FUNCTIONS = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"}


def read_sqlite(path: Path, query: str | None = None) -> pl.DataFrame:
    """Return a table, or the result of a SELECT statement, from a database file.

    The file is opened read-only, and an authoriser lets nothing but SELECT through: a query cannot attach or
    write another file.

    Args:
        path: the file.
        query: a SELECT statement or the name of a table; needed if there are several tables.

    Raises:
        DataError: no query where one is needed, no such table, or a statement that is no SELECT.
    """
    uri = f"file:{str(path.resolve()).replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        # Views and triggers of a foreign file must not call functions with side effects.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(_authorise)
        query = _statement(connection, path, query)
        try:
            cursor = connection.execute(query)
            rows = cursor.fetchall()
        except (sqlite3.DatabaseError, sqlite3.Warning) as error:
            if "not authorized" in str(error) or "prohibited" in str(error) or "one statement" in str(error):
                raise DataError(
                    f"The query on {path} may only read: give one SELECT statement, got {query[:120]!r}."
                ) from error
            raise
        if cursor.description is None:
            raise DataError(
                f"The query on {path} gives no rows: it must be a SELECT statement, got {query[:120]!r}."
            )
        names = [column[0] for column in cursor.description]
        require_unique(names, f"the result of the query on {path}")
        flags = _booleans(connection)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    made = [column_of(name, list(values)) for name, values in zip(names, columns, strict=True)]
    return pl.DataFrame([_flagged(column) if column.name in flags else column for column in made])


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action not in _ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _statement(connection: sqlite3.Connection, path: Path, query: str | None) -> str:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    tables = [name for (name,) in found]
    if query is None:
        if len(tables) != 1:
            raise DataError(
                f"{path} has {len(tables)} tables ({', '.join(tables)}): "
                "give a query, a SELECT statement or the name of one."
            )
        query = tables[0]
    if query in tables:
        return 'SELECT * FROM "{}"'.format(query.replace('"', '""'))
    if not re.search(r"\s", query.strip()):
        raise DataError(f"{path} has no table {query!r}: {did_you_mean(query, tables)}")
    return query


def _booleans(connection: sqlite3.Connection) -> set[str]:
    """Return the names of columns that every table which has them declares as boolean."""
    # Declared types stand in the text of CREATE TABLE only; the pragma that lists them may not run.
    found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchall()
    declared = r'(?:"([^"]+)"|\[([^\]]+)\]|`([^`]+)`|(\w+))\s+BOOL(?:EAN)?\b'
    return {
        next(filter(None, groups))
        for (sql,) in found
        for groups in re.findall(declared, sql or "", re.IGNORECASE)
    }


def _flagged(column: pl.Series) -> pl.Series:
    """SQLite keeps true and false as 1 and 0."""
    if column.dtype.is_integer() and bool(column.is_in([0, 1]).all()):
        return column.cast(pl.Boolean)
    return column
