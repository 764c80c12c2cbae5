"""Read a column's values as numbers or as text, or say which ones cannot be."""

from __future__ import annotations

import numpy as np
import polars as pl

from cotrain._base import DataError


def numeric_values(values: pl.Series) -> np.ndarray:
    """Return float64 [B], NaN where missing; text that spells a number is read as one.

    Raises:
        DataError: some values are not numbers, or are infinite.
    """
    if values.dtype == pl.String:
        text = text_values(values)
        numbers = text.cast(pl.Float64, strict=False)
        wrong = text.filter(numbers.is_null() & text.is_not_null())
        if len(wrong):
            raise DataError(
                f"Column {values.name!r} is a number column, but {len(wrong)} of its {len(values)} values "
                f"are not numbers, such as {wrong[0]!r}: mend them, or declare the column a category or text."
            )
    elif values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null):
        numbers = values.cast(pl.Float64)
    else:
        raise DataError(
            f"Column {values.name!r} is a number column, but its type here is {values.dtype}: convert it."
        )
    result = numbers.fill_null(float("nan")).to_numpy().astype(np.float64)
    infinite = int(np.isinf(result).sum())
    if infinite:
        raise DataError(
            f"Column {values.name!r} has {infinite} infinite value{'s' * (infinite > 1)}: "
            "replace them by numbers, or leave them empty."
        )
    return result


def text_values(values: pl.Series) -> pl.Series:
    """Return the values as text without spaces around them; blank, NaN and null are null.

    A number is spelled the same whether it came as an integer or as a float, so that a missing value,
    which makes some readers use floats, does not make every category a new one.

    Raises:
        DataError: the values are lists or structures.
    """
    dtype = values.dtype
    if dtype.is_float():
        whole = (values == values.round(0)) & (values.abs() < 2**53)
        as_integer = values.set(whole.fill_null(False) == False, None)  # noqa: E712 - elementwise
        text = as_integer.cast(pl.Int64, strict=False).cast(pl.String)
        text = text.zip_with(text.is_not_null(), values.fill_nan(None).cast(pl.String))
    elif dtype.is_nested() or dtype in (pl.Object, pl.Binary):
        raise DataError(
            f"Column {values.name!r} holds values of type {dtype}, which cannot be read as text: convert it."
        )
    else:
        text = values.cast(pl.String)
    text = text.str.strip_chars()
    return text.set((text == "").fill_null(False), None)
