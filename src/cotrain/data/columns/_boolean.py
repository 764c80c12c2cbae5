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
#: Standard deviations beyond which a value says no more than "far out".
CLIP = 6.0


@final
class Boolean(Column):
    """1 for yes and 0 for no, standardised; the more frequent of both where missing.

    z = clip((x − mean) / std, ±6). Another number than 0 or 1, such as a count that had no more in training,
    is coded by the same formula.

    Args:
        name: name of the column.

    Raises:
        DataError: a word is neither yes nor no.

    Example:
        >>> column = Boolean("member").fit(pl.Series("member", [True, False]))
        >>> column.encode(pl.Series("member", ["yes", "no"])).numbers.tolist()
        [[1.0], [-1.0]]
    """

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the share of yes, and whether values are missing."""
        x = _read(values)
        known = x[~np.isnan(x)]
        known = known if len(known) else np.zeros(1)
        median = float(np.median(known))
        filled = np.where(np.isnan(x), median, x)
        return {
            "missing": bool(np.isnan(x).any()),
            "median": median,
            "mean": float(filled.mean()) if len(filled) else 0.0,
            "std": (float(filled.std()) if len(filled) else 0.0) or 1.0,
        }

    def settle(self) -> None:
        """Set the sizes."""
        self.n_numbers = 1
        self.n_indicators = int(self.state["missing"])

    def encode(self, values: pl.Series) -> Parts:
        """Code the values."""
        x = _read(values)
        missing = np.isnan(x)
        z = (np.where(missing, self.state["median"], x) - self.state["mean"]) / self.state["std"]
        return Parts(
            numbers=np.clip(z, -CLIP, CLIP).astype(np.float32)[:, None],
            indicators=missing.astype(np.float32)[:, None] if self.n_indicators else None,
        )


def _read(values: pl.Series) -> np.ndarray:
    """Return 1, 0, NaN, or whatever other numbers there are."""
    if values.dtype == pl.Boolean or values.dtype.is_numeric():
        return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    text = text_values(values).str.to_lowercase()
    words = dict.fromkeys(_TRUE, 1.0) | dict.fromkeys(_FALSE, 0.0)
    read = text.replace_strict(words, default=None, return_dtype=pl.Float64)
    read = read.zip_with(read.is_not_null(), text.cast(pl.Float64, strict=False).fill_nan(None))
    wrong = text.filter(read.is_null() & text.is_not_null())
    if len(wrong):
        raise DataError(
            f"Column {values.name!r} is a yes/no column, but {len(wrong)} of its {len(values)} values are "
            f"neither, such as {wrong[0]!r}: mend them, or declare the column a category."
        )
    return read.fill_null(float("nan")).to_numpy()
