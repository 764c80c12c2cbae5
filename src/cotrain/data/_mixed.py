"""A column from Python values that may be of several types."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import polars as pl

from cotrain.data._nested import EXACT, is_nested, nested_column, spelled

#: What other libraries hand out for cells that are texts or lists in a file.
_FOREIGN = (os.PathLike, uuid.UUID, IPv4Address, IPv6Address, set, frozenset)


def column_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Return values as a column: of their type if they have one, else each as the text that a file has.

    Paths, UUIDs, addresses, and periods and intervals of pandas are their texts; sets are lists in the order
    of their texts. Whole numbers and fractions are numbers together, unless a whole one would lose digits as
    a float; so they are within lists and mappings.

    Example:
        >>> column_of("a", [1, "x", True, 2.5, None]).to_list()
        ['1', 'x', 'true', '2.5', None]
        >>> column_of("a", [[0, 1], [0.5, 2.5]]).to_list()
        [[0.0, 1.0], [0.5, 2.5]]
    """
    types = {type(value) for value in values if value is not None}
    if any(map(_is_foreign, types)):
        values = [_plain(value) for value in values]
        types = {type(value) for value in values if value is not None}
    if types == {int, float} and all(abs(value) < EXACT for value in values if isinstance(value, int)):
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    if any(is_nested(value) for value in values):
        column = nested_column(name, values)
        if column is not None:
            return column
    elif len(types) <= 1:
        try:
            column = pl.Series(name, values, dtype=None if types else pl.String, strict=True)
            if column.dtype != pl.Int128:
                return column
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # whole numbers beyond 64 bits
    return pl.Series(name, [None if value is None else spelled(value) for value in values], dtype=pl.String)


def has_text(value: object) -> bool:
    """Whether a value is no number, text or list itself, and a file would hold it as one.

    Example:
        >>> import uuid
        >>> has_text(uuid.UUID(int=1)), has_text({"a"}), has_text("a"), has_text(object())
        (True, True, False, False)
    """
    return _is_foreign(type(value))


def _is_foreign(of: type) -> bool:
    of_pandas = of.__module__.partition(".")[0] == "pandas"
    return issubclass(of, _FOREIGN) or (of_pandas and of.__name__ in ("Period", "Interval"))


def _plain(value: Any) -> Any:
    """Return a text or a list in the place of a value that a file would hold so."""
    if value is None or not has_text(value):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return os.fsdecode(value) if isinstance(value, os.PathLike) else str(value)
