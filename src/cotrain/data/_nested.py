"""Columns of lists and of mappings from Python values, of the type that holds every one of them.

polars takes the type of the first row: of `[[0, 1], [0.5, 2.5]]` it keeps `[[0, 1], [0, 2]]`, and a key that
the first mapping lacks is dropped from all others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

#: Whole numbers up to here are floats without loss.
EXACT = 2**53
_LISTS = (list, tuple)
_SCALARS = {bool, int, float, str}
_NOT_PLAIN = (*_LISTS, dict, np.ndarray, np.generic)
#: Types of values that say all of their column's.
_KNOWN = {str: pl.String(), float: pl.Float64(), bool: pl.Boolean()}


class _Apart(Exception):
    """Values of one column have no type in common."""


def is_nested(value: object) -> bool:
    """Whether a value holds others."""
    return isinstance(value, (*_LISTS, dict, np.ndarray))


def nested_column(name: str, values: Sequence[Any]) -> pl.Series | None:
    """Return lists or mappings as a column; `None` where no type holds all of them.

    Whole numbers and fractions are fractions together; a mapping has the keys of all, null where it lacks
    one; where a list or a key has values of several types each is the text that a file has.

    Example:
        >>> nested_column("a", [[1, 2], None, [0.5]]).to_list()
        [[1.0, 2.0], None, [0.5]]
        >>> nested_column("a", [[{"box": [1, 2]}], [{"box": [0.5, 2], "crowd": True}]]).to_list()
        [[{'box': [1.0, 2.0], 'crowd': None}], [{'box': [0.5, 2.0], 'crowd': True}]]
        >>> nested_column("a", [[1], {"b": 2}]) is None
        True
    """
    values = [_plain(value) for value in values]
    try:
        dtype, mixed = _common(values)
        made = [_spelled_as(value, dtype) for value in values] if mixed else values
        return pl.Series(name, made, dtype=dtype, strict=True)
    except (_Apart, TypeError, OverflowError, pl.exceptions.PolarsError):
        return None


def spelled(value: object) -> str:
    """Return a value as the text that a file has.

    Example:
        >>> spelled(True), spelled([1, "ä"])
        ('true', '[1, "ä"]')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_nested(value):
        return json.dumps(_plain(value), ensure_ascii=False, default=str)
    return str(value)


def _plain(value: Any) -> Any:
    """Return a value without arrays, which hold values of one type each."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    # By the types, of which there are few, and not one by one: a list may be long.
    if isinstance(value, _LISTS) and any(issubclass(one, _NOT_PLAIN) for one in set(map(type, value))):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


def _common(values: Sequence[Any]) -> tuple[pl.DataType, bool]:
    """Return the type that holds all values, and whether some become text for that."""
    types = set(map(type, values)) - {type(None)}
    if types and types <= set(_LISTS):
        inner, mixed = _common(list(chain.from_iterable(value for value in values if value is not None)))
        return pl.List(inner), mixed
    if types == {dict}:
        known = [value for value in values if value is not None]
        keys = dict.fromkeys(chain.from_iterable(known))
        fields = {key: _common([value.get(key) for value in known]) for key in keys}
        return pl.Struct({key: of for key, (of, _) in fields.items()}), any(m for _, m in fields.values())
    if types == {int, float}:
        if any(abs(value) >= EXACT for value in values if type(value) is int):
            raise _Apart
        return pl.Float64(), False
    if len(types) > 1:
        if types <= _SCALARS:
            return pl.String(), True
        raise _Apart
    if not types:
        return pl.Null(), False
    (only,) = types
    dtype = _KNOWN.get(only) or pl.Series(values, strict=True).dtype
    if dtype == pl.Int128:
        raise _Apart
    return dtype, False


def _spelled_as(value: Any, dtype: Any) -> Any:
    """Return a value with texts where its type has them."""
    if value is None:
        return None
    if isinstance(dtype, pl.List):
        return [_spelled_as(one, dtype.inner) for one in value]
    if isinstance(dtype, pl.Struct):
        return {field.name: _spelled_as(value.get(field.name), field.dtype) for field in dtype.fields}
    return spelled(value) if dtype == pl.String else value
