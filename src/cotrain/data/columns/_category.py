"""A column of categories."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import InvalidArgumentError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._values import text_values

UNKNOWN, MISSING, FIRST = 0, 1, 2


@final
class Category(Column):
    """One code per value; rare and new values share the code "unknown", missing ones have their own.

    Because rare training values get the code of the unknown, that code means "something rare" when a
    value comes that the training rows did not have, instead of an embedding that never learned.

    Args:
        name: name of the column.
        min_count: a value seen less often in training is rare; ≥ 1; `None`: 2, or 5 from 2,000 rows on.
        max_values: the most values with a code of their own, the frequent ones; ≥ 1.

    Raises:
        InvalidArgumentError: an argument is below 1.

    Example:
        >>> column = Category("city", min_count=2).fit(pl.Series("city", ["Rome", "Rome", "Oslo", None]))
        >>> column.encode(pl.Series("city", ["Rome", "Oslo", "Paris", None])).codes[:, 0].tolist()
        [2, 0, 0, 1]
    """

    def __init__(self, name: str, *, min_count: int | None = None, max_values: int = 10_000) -> None:
        super().__init__(name)
        for what, value in (("min_count", min_count), ("max_values", max_values)):
            if value is not None and value < 1:
                raise InvalidArgumentError(f"Column {name!r}: {what} is {value!r}, expected at least 1.")
        self.min_count = min_count
        self.max_values = max_values

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the values that get codes."""
        text = text_values(values).drop_nulls()
        least = self.min_count if self.min_count is not None else (2 if len(text) < 2000 else 5)
        counts = text.alias("value").value_counts(name="count").filter(pl.col("count") >= least)
        # Ties by name, so that the codes do not depend on the order of the rows.
        frequent = counts.sort(["count", "value"], descending=[True, False]).head(self.max_values)
        return {"values": frequent["value"].sort().to_list()}

    def settle(self) -> None:
        """Set the size."""
        self.cardinalities = (len(self.state["values"]) + FIRST,)
        self._codes = {value: code for code, value in enumerate(self.state["values"], FIRST)}

    def encode(self, values: pl.Series) -> Parts:
        """Code the categories."""
        text = text_values(values)
        known = self.state["values"]
        codes = text.replace_strict(
            known, list(range(FIRST, FIRST + len(known))), default=UNKNOWN, return_dtype=pl.Int64
        )
        codes = codes.set(text.is_null(), MISSING)
        return Parts(codes=codes.to_numpy().copy()[:, None])

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Code one category."""
        if isinstance(value, float):
            if not value.is_integer():
                return None
            value = int(value)
        code = MISSING if value is None else self._codes.get(str(value), UNKNOWN)
        return Parts(codes=np.array([[code]], dtype=np.int64))
