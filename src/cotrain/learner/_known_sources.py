"""What a model knows of the sources that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, final

import polars as pl

from cotrain.data import TypedTable
from cotrain.data.sources import RowSources, columns_of_sources


@final
@dataclass(frozen=True)
class KnownSources:
    """The sources of a training table, and which input columns each one had.

    Args:
        column: the column that says which source a row comes from; `None`: there was one source.
        inputs: source -> the input columns with a value in its rows.

    Example:
        >>> table = TypedTable.read(pl.DataFrame({"x": [1, None], "y": [None, 2], "source": ["a", "b"]}))
        >>> known = KnownSources.of(table.from_source("source"), ["x", "y"])
        >>> known.inputs, known.rows(table).numbers.tolist()
        ({'a': ['x'], 'b': ['y']}, [0, 1])
    """

    column: str | None = None
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: TypedTable, inputs: Sequence[str]) -> Self:
        """Look at a training table."""
        return cls(table.source, columns_of_sources(table, inputs))

    def rows(self, table: TypedTable) -> RowSources | None:
        """Return the source of every row; `None` where the table does not say."""
        column = table.source or self.column
        if column is None or column not in table.frame.columns:
            return None
        return RowSources.of(table.frame[column], list(self.inputs))

    def completed(self, table: TypedTable, types: Mapping[str, str], inputs: Sequence[str]) -> TypedTable:
        """Return a table with the columns that its sources never had, empty.

        A column that one of its sources had in training is not made up: whoever needs it says that it is not
        there.

        Args:
            table: of some of the sources, or of one that is not named.
            types: column -> type, of all columns in training.
            inputs: input columns.
        """
        frame = table.frame
        absent = [column for column in types if column not in frame.columns and column != self.column]
        if self.column is None or not absent:
            return table
        needed = {column for column in absent if column in inputs}
        rows = self.rows(table)
        if rows is None:
            candidates = list(self.inputs.values())
        else:
            candidates = [self.inputs[rows.names[n]] for n in rows.present if rows.names[n] in self.inputs]
        fits = [not needed & set(columns) for columns in candidates]
        if not (all(fits) if rows is not None else any(fits)):
            absent = [column for column in absent if column not in needed]
        made = [empty_column(column, types[column], frame.height) for column in absent]
        return table.with_columns(made, types)

    def are_tables(self, data: object, columns: Sequence[str]) -> bool:
        """Whether data are a mapping of tables, and not one row as column -> value.

        Args:
            data: anything.
            columns: those of a row.
        """
        if not isinstance(data, Mapping) or not data or set(data) & set(columns):
            return False
        return all(
            isinstance(part, str | Path | TypedTable)
            or hasattr(part, "columns")
            or hasattr(part, "column_names")
            for part in data.values()
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {"column": self.column, "inputs": {name: list(own) for name, own in self.inputs.items()}}


def empty_column(column: str, kind: str, n_rows: int) -> pl.Series:
    """Return a column without a value, of a type that a column of this kind has in tables."""
    dtype = pl.List(pl.String) if kind == "other" else pl.String
    return pl.Series(column, [None], dtype=dtype).new_from_index(0, n_rows)
