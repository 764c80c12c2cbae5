"""A column of categories."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._values import text_values

UNKNOWN, MISSING, FIRST = 0, 1, 2


@final
class Category(Column):
    """One code per value; rare and new values share the code "unknown", missing ones have their own.

    Because rare training values get the code of the unknown, that code means "something rare" when a
    value comes that the training rows did not have, instead of an embedding that never learned. Codes such as
    00501 that have lost the zeros in front of them since training, or got some, are refused.

    Args:
        name: name of the column.
        min_count: a value seen less often in training is rare; ≥ 1; `None`: 2, or 5 from 2,000 rows on.
        max_values: the most values with a code of their own, the frequent ones; ≥ 1.

    Raises:
        InvalidArgumentError: an argument is below 1.
        DataError: at `encode`, if values have lost the zeros in front of them, or got some.

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
        return {"values": frequent["value"].sort().to_list()} | _width_of_codes(text.unique())

    def settle(self) -> None:
        """Set the size."""
        self.cardinalities = (len(self.state["values"]) + FIRST,)
        self._codes = {value: code for code, value in enumerate(self.state["values"], FIRST)}
        #: Digits of codes that zeros fill up; 0: no number has zeros in front; `None`: neither can be said.
        self._width: int | None = self.state.get("digits")

    def encode(self, values: pl.Series) -> Parts:
        """Code the categories."""
        text = text_values(values)
        known = self.state["values"]
        codes = text.replace_strict(
            known, list(range(FIRST, FIRST + len(known))), default=UNKNOWN, return_dtype=pl.Int64
        )
        self._require_zeros(text)
        codes = codes.set(text.is_null(), MISSING)
        return Parts(codes=codes.to_numpy().copy()[:, None])

    def _require_zeros(self, text: pl.Series) -> None:
        """Refuse codes that all were numbers for a while, or are none any more."""
        found = _width_of_codes(text.drop_nulls().unique()).get("digits") if self._width is not None else None
        # Single cells that are written otherwise are unknown values, no codes that were read otherwise.
        if found is None or (self._width == 0) == (found == 0):
            return
        digits = text.filter(text.str.contains(r"^[0-9]+$").fill_null(value=False))
        meant = digits.str.zfill(self._width) if self._width else digits.str.strip_chars_start("0")
        lost = (meant != digits) & meant.is_in(list(self._codes))
        if lost.any():
            raise DataError(
                f"Column {self.name!r}: {int(lost.sum())} of its {len(text)} values, such as "
                f"{digits.filter(lost)[0]!r}, differ by zeros in front alone from what training had, such as "
                f"{meant.filter(lost)[0]!r}: read the column as text here and there (in pandas dtype=str)."
            )

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Code one category."""
        if isinstance(value, float):
            if not value.is_integer():
                return None
            value = int(value)
        code = MISSING if value is None else self._codes.get(str(value), UNKNOWN)
        if code == UNKNOWN:
            self._require_zeros(pl.Series([str(value)]))
        return Parts(codes=np.array([[code]], dtype=np.int64))


def _width_of_codes(text: pl.Series) -> dict[str, int]:
    """Return how many digits all codes have, 0 where they are numbers without zeros in front, or nothing."""
    digits = text.filter(text.str.contains(r"^[0-9]+$"))
    lengths = digits.str.len_chars().unique().to_list()
    zeros = bool(digits.str.contains(r"^0.").any())
    if zeros:
        return {"digits": lengths[0]} if len(lengths) == 1 else {}
    return {"digits": 0} if lengths else {}
