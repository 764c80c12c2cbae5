"""Columns as a person names them on a command line: by name, by pattern, or all but some."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fnmatch import fnmatchcase

from cotrain._base import DataError, did_you_mean

_SPECIAL = "*?["


def match_columns(patterns: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that the patterns name, each once, in the order of the table within a pattern.

    A pattern is a column's own name, whatever stands in it; or several with commas between them, where a name
    with a comma may stand in quotes and need not; one with *, ? or [abc] takes every column that fits; one
    that begins with ! takes columns out again, and if all do, out of all columns.

    Args:
        patterns: what was written.
        columns: of the table.

    Raises:
        DataError: a pattern fits no column, or nothing is left.

    Example:
        >>> columns = ["id", "Price, EUR", "area", "tox_1", "tox_2"]
        >>> match_columns(["Price, EUR,area"], columns)
        ['Price, EUR', 'area']
        >>> match_columns(["tox_*", "area"], columns), match_columns(["!id,!tox_?"], columns)
        (['tox_1', 'tox_2', 'area'], ['Price, EUR', 'area'])
    """
    wanted = [name for pattern in patterns for name in _names(pattern, columns)]
    out = [name[1:].strip() for name in wanted if name.startswith("!") and name not in columns]
    taken = [name for name in wanted if not name.startswith("!") or name in columns]
    found = dict.fromkeys(column for name in taken for column in _fitting(name, columns))
    if not taken:
        found = dict.fromkeys(columns)
    left_out = {column for name in out for column in _fitting(name, columns)}
    left = [column for column in found if column not in left_out]
    if not left:
        raise DataError(f"{', '.join(patterns)!r} leaves no column: the table has {', '.join(columns[:20])}.")
    return left


def _names(pattern: str, columns: Sequence[str]) -> list[str]:
    """Cut a pattern at the commas that are not within a name: the longest name that is a column wins."""
    if pattern.strip() in columns:
        return [pattern.strip()]
    if '"' in pattern:
        rows = list(csv.reader([pattern.replace("\n", " ")], skipinitialspace=True))
        return [name.strip() for name in rows[0] if name.strip()] if rows else []
    pieces, names = pattern.split(","), []
    while pieces:
        lengths = range(len(pieces), 0, -1)
        taken = next((n for n in lengths if ",".join(pieces[:n]).strip() in columns), 1)
        name = ",".join(pieces[:taken]).strip()
        pieces = pieces[taken:]
        names += [name] if name else []
    return names


def _fitting(name: str, columns: Sequence[str]) -> list[str]:
    if name in columns:
        return [name]
    found = [column for column in columns if fnmatchcase(column, name)] if set(name) & set(_SPECIAL) else []
    if not found:
        raise DataError(f"Target {name!r} is not a column of the table; {did_you_mean(name, columns)}")
    return found
