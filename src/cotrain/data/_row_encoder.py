"""One row, coded without the detour by way of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import polars as pl

from cotrain.data._input_tensors import code_offsets, input_tensors
from cotrain.data._missing import Missing
from cotrain.data._schema import Schema
from cotrain.data._spelling import EXACT
from cotrain.data._table import TypedTable
from cotrain.data.columns import Column, Parts

#: What polars strips of an ASCII text; Python would strip four control characters more.
_BLANK = " \t\n\r\x0b\x0c"
#: A value of which only the table's way knows what it is.
_OTHER = object()


@final
class RowEncoder:
    """Codes single rows as `Schema.encode` codes tables, to the last bit and many times faster.

    A table of one row costs a millisecond per column, nearly all of it for calls that a long column would
    share. Numbers, and text of ASCII characters, are read in plain Python; any other value goes the table's
    way, for its column alone.

    Args:
        schema: fitted.
        types: column -> type that it had in training, see `TypedTable`.
        missing: the words that mean "nothing".

    Example:
        >>> frame = pl.DataFrame({"age": [31.5, 42.0, None, 25.0], "city": ["Rome", "Oslo", "Rome", "Oslo"]})
        >>> table = TypedTable.read(frame)
        >>> schema = Schema.infer(frame, types=table.types).fit(frame)
        >>> encoder = RowEncoder(schema, table.types, table.missing)
        >>> encoder.encode({"age": None, "city": "Rome"})["categories"].tolist()
        [[3]]
    """

    def __init__(self, schema: Schema, types: Mapping[str, str], missing: Missing) -> None:
        self.schema = schema
        self.types = dict(types)
        self.missing = missing
        self._offsets = code_offsets(schema.columns)
        names = [column.name for column in schema.columns]
        self._words = {name: frozenset(missing.of(name)) for name in names}
        self._numbers = {name: _as_numbers(words) for name, words in self._words.items()}

    def encode(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tensors of one row, each [1, ...] or one ragged row.

        Args:
            row: column -> value; other keys are left aside.

        Raises:
            DataError: an input column is absent, or a value cannot be read.
        """
        absent = any(column.name not in row for column in self.schema.columns)
        if absent:
            # The schema knows what to say.
            return self.schema.encode(pl.DataFrame({name: [None] for name in row}))
        parts = [self._parts(column, row[column.name]) for column in self.schema.columns]
        return input_tensors(self.schema.columns, parts, self._offsets)

    def _parts(self, column: Column, value: Any) -> Parts:
        if isinstance(value, list) and all(item is None or isinstance(item, str) for item in value):
            parts = column.encode_list(value)
        else:
            settled = self._settled(column.name, value)
            parts = None if settled is _OTHER else column.encode_value(settled)
        if parts is not None:
            return parts
        frame = pl.DataFrame({column.name: [value]}, strict=False)
        table = TypedTable.read(frame, missing=self.missing, types=self.types)
        return column.encode(table.frame[column.name])

    def _settled(self, name: str, value: Any) -> Any:
        """Return what a cell holds: a number, a text or `None`; `_OTHER` where that takes more to know."""
        if value is None:
            return None
        kind = self.types.get(name)
        if kind in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
            if value != value or value in self._numbers[name]:
                return None
            return value if abs(value) < EXACT else _OTHER
        if kind == "text" and isinstance(value, str) and value.isascii():
            text = value.strip(_BLANK)
            return None if not text or text in self._words[name] else text
        return _OTHER


def _as_numbers(words: frozenset[str]) -> frozenset[float]:
    found = set()
    for word in words:
        try:
            found.add(float(word))
        except ValueError:
            continue
    return frozenset(number for number in found if number == number)
