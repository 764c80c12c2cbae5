"""Which source each row comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import RowError
from cotrain.data.columns._values import text_values


@final
@dataclass(frozen=True)
class RowSources:
    """Which source each of N rows comes from.

    Args:
        names: of the S sources, in the order of their first rows.
        numbers: int64 [N] on the host, the place of each row's source in `names`.

    Example:
        >>> sources = RowSources.of(pl.Series("source", ["tags", "reviews", "tags"]))
        >>> sources.names, sources.numbers.tolist()
        (('tags', 'reviews'), [0, 1, 0])
        >>> sources.take(torch.tensor([1])).present
        [1]
    """

    names: tuple[str, ...]
    numbers: Tensor

    @classmethod
    def of(cls, column: pl.Series, names: Sequence[str] = ()) -> Self:
        """Read the column that names the source of every row.

        Args:
            column: [N].
            names: sources that are known already; others come after them.

        Raises:
            DataError: a row names none.
        """
        values = text_values(column)
        silent = int(values.null_count())
        if silent:
            row = int(values.is_null().arg_max() or 0)
            raise RowError(
                f"The source column {column.name!r} is empty in {silent} rows, first in row {{row}}: every "
                "row needs the name of its source.",
                row,
            )
        found = list(dict.fromkeys([*names, *values.unique(maintain_order=True).to_list()]))
        places = {name: place for place, name in enumerate(found)}
        codes = values.replace_strict(places, return_dtype=pl.Int64).to_numpy()
        return cls(tuple(found), torch.from_numpy(np.array(codes, dtype=np.int64)))

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Tensor) -> Self:
        """Return the sources of these rows, in this order."""
        return type(self)(self.names, self.numbers.index_select(0, rows.cpu()))

    @property
    def present(self) -> list[int]:
        """Numbers of the sources that have rows, ascending."""
        return torch.unique(self.numbers).tolist()

    def rows(self) -> dict[str, np.ndarray]:
        """Return source -> its row numbers, ascending; sources without rows are left out."""
        numbers = self.numbers.numpy()
        return {self.names[number]: np.flatnonzero(numbers == number) for number in self.present}
