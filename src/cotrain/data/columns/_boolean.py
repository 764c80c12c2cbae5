"""A column of yes and no."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._values import text_values

_TRUE = ["true", "yes", "1", "t", "y"]
_FALSE = ["false", "no", "0", "f", "n"]


@final
class Boolean(Column):
    """+1 for yes, −1 for no, 0 where missing.

    Args:
        name: name of the column.

    Example:
        >>> column = Boolean("member").fit(pl.Series("member", [True, False]))
        >>> column.encode(pl.Series("member", ["yes", None])).numbers.tolist()
        [[1.0], [0.0]]
    """

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn whether values are missing."""
        return {"missing": bool(_read(values).is_null().any())}

    def settle(self) -> None:
        """Set the sizes."""
        self.n_numbers = 1
        self.n_indicators = int(self.state["missing"])

    def encode(self, values: pl.Series) -> Parts:
        """Code the values."""
        read = _read(values)
        numbers = read.cast(pl.Float32).fill_null(0.5).to_numpy() * 2 - 1
        missing = read.is_null().cast(pl.Float32).to_numpy()
        return Parts(
            numbers=np.ascontiguousarray(numbers)[:, None],
            indicators=missing.copy()[:, None] if self.n_indicators else None,
        )


def _read(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values
    text = text_values(values).str.to_lowercase()
    read = text.replace_strict(
        _TRUE + _FALSE, [True] * 5 + [False] * 5, default=None, return_dtype=pl.Boolean
    )
    wrong = text.filter(read.is_null() & text.is_not_null())
    if len(wrong):
        raise DataError(
            f"Column {values.name!r} is a yes/no column, but {len(wrong)} of its {len(values)} values are "
            f"neither, such as {wrong[0]!r}: mend them, or declare the column a category."
        )
    return read
