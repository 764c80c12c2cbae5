"""Read target columns of any dtype as classes or as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError, did_you_mean, expected_number

#: What a class may be in memory and in JSON.
Value = str | int | float | bool


def key_of(value: object) -> str:
    """Return the text by which a class is recognised, the same for 1 and 1.0, "yes" and " yes".

    Example:
        >>> [key_of(value) for value in (1, 1.0, 0.5, True, " yes")]
        ['1', '1', '0.5', 'True', 'yes']
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()


def keys(column: pl.Series) -> pl.Series:
    """Return the keys of a column's values as text, null where missing (null, NaN or empty)."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String).str.strip_chars()
        return text.set(text == "", None)
    if column.dtype.is_float():
        column = column.fill_nan(None)
    if column.dtype == pl.Object or column.dtype.is_nested():
        raise DataError(
            f"Column {column.name!r} holds {column.dtype}, where one value a row was expected: convert it to "
            "text or numbers first."
        )
    values = column.unique().drop_nulls()
    old, new = values.to_list(), [key_of(value) or None for value in values.to_list()]
    if column.dtype == pl.Null or not old:
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    return column.replace_strict(
        pl.Series(values, dtype=column.dtype), pl.Series(new, dtype=pl.String), default=None
    )


def labelled_classes(column: pl.Series) -> list[tuple[Value, int]]:
    """Return the different values of a column in their natural order, each with its number of rows."""
    counts = keys(column).drop_nulls().value_counts()
    by_key = dict(counts.iter_rows())
    found: dict[str, Value] = {}
    for value in column.unique().drop_nulls().to_list():
        plain = value if isinstance(value, str | int | float | bool) else str(value)
        if key_of(value) in by_key:
            found.setdefault(key_of(value), plain.strip() if isinstance(plain, str) else plain)
    ordered = sorted(found.items(), key=lambda item: _natural(item[1]))
    return [(_whole(value), by_key[key]) for key, value in ordered]


@final
class ClassCoding:
    """Numbers for classes: class i of C is i, a value that is none of them is C, a missing one is -1.

    Args:
        classes: the C classes in order.
    """

    def __init__(self, classes: Sequence[Value]) -> None:
        for value in classes:
            if not isinstance(value, str | int | float | bool):
                raise DataError(f"A class is {value!r}, expected a text, a number, true or false.")
        self.classes = list(classes)
        self._numbers = {key_of(value): i for i, value in enumerate(self.classes)}

    def encode(self, column: pl.Series) -> np.ndarray:
        """Return int64 [B]: the class numbers of a column's values."""
        text = keys(column)
        known = text.replace_strict(self._numbers, default=len(self.classes), return_dtype=pl.Int64)
        return np.where(text.is_null().to_numpy(), -1, known.fill_null(-1).to_numpy())

    def decode(self, numbers: np.ndarray) -> list[Value]:
        """Return the classes of class numbers [B]."""
        return [self.classes[number] for number in numbers.tolist()]

    def unseen(self, column: pl.Series) -> dict[str, int]:
        """Count the values that are none of the classes: "column=value" -> rows."""
        strange = keys(column).filter(pl.Series(self.encode(column) == len(self.classes)))
        counts = dict(strange.value_counts(sort=True).iter_rows())
        return {f"{column.name}={key}": count for key, count in counts.items()}


def as_numbers(column: pl.Series) -> tuple[pl.Series | None, pl.Series]:
    """Return a column as float64, null where it is empty, and the cells whose text is no number.

    The numbers are `None` where a column of this type holds none, such as one of dates or lists.

    Example:
        >>> values, strange = as_numbers(pl.Series(["1.5", " ", "x"]))
        >>> values.to_list(), strange.to_list()
        ([1.5, None, None], ['x'])
    """
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String).str.strip_chars().replace({"": None})
        values = text.cast(pl.Float64, strict=False)
        return values, text.filter(values.is_null() & text.is_not_null())
    holds = column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)
    return column.cast(pl.Float64) if holds else None, pl.Series([], dtype=pl.String)


def numbers(column: pl.Series, task: str) -> np.ndarray:
    """Return a column as float64 [B], NaN where missing (null, NaN or empty).

    Args:
        column: numbers, booleans, or text that can be read as numbers.
        task: named in errors.

    Raises:
        DataError: if a value is text, a date or a list, or is infinite.
    """
    values, strange = as_numbers(column)
    if len(strange):
        different = strange.unique(maintain_order=True).to_list()
        raise DataError(
            f"Task {task!r}: column {column.name!r} should hold numbers, but "
            f"{_count(len(strange), 'row')} hold text: {shown(different)}. Correct or empty these "
            "cells, or use another kind of task."
        )
    if values is None:
        raise DataError(
            f"Task {task!r}: column {column.name!r} should hold numbers, but holds {column.dtype}: "
            "convert it to a number first, or use another kind of task."
        )
    array = values.fill_null(float("nan")).to_numpy().astype(np.float64)
    infinite = int(np.isinf(array).sum())
    if infinite:
        raise DataError(
            f"Task {task!r}: column {column.name!r} has {_count(infinite, 'infinite value')}: replace them "
            "by a number, or empty these cells so that they count as missing."
        )
    return array


def require_columns(frame: pl.DataFrame, columns: Sequence[str], task: str) -> None:
    """Raise `DataError` if a target is not a column of the table."""
    for column in columns:
        if column not in frame.columns:
            raise DataError(
                f"Task {task!r}: target {column!r} is not a column of the table; "
                f"{did_you_mean(column, frame.columns)}"
            )


def require_labels(n_labelled: int, n_rows: int, column: str, task: str) -> None:
    """Raise `DataError` unless there is a label to learn from."""
    if n_rows == 0:
        raise DataError(f"Task {task!r}: there are no rows to learn from.")
    if n_labelled == 0:
        raise DataError(
            f"Task {task!r}: target {column!r} is missing in all {n_rows} rows: fill in some labels, or "
            "leave the task out."
        )


def require_twice(found: Sequence[tuple[Value, int]], task: str, advice: str) -> None:
    """Raise `DataError` if a value occurs once only: it cannot be both learned and tested."""
    once = [value for value, count in found if count < 2]
    if once:
        raise DataError(
            f"Task {task!r}: {'class' if len(once) == 1 else 'classes'} {shown(once)} "
            f"{'has' if len(once) == 1 else 'have'} 1 labelled row, at least 2 are needed: {advice}."
        )


def check_range(kind: str, task: str, **values: tuple[float, float, float]) -> None:
    """Raise `InvalidArgumentError` unless each (value, low, high) has low ≤ value ≤ high."""
    for name, (value, low, high) in values.items():
        if expected := expected_number(value, low, high):
            raise InvalidArgumentError(f"{kind}({task!r}, {name}={value!r}): {expected}.")


def require_positive(task: str, **values: float) -> None:
    """Raise `InvalidArgumentError` unless each value is positive and finite."""
    for what, value in values.items():
        if not 0 < value < float("inf"):
            raise InvalidArgumentError(
                f"Task {task!r}: {what} must be a positive finite number, got {value!r}."
            )


def one_column(kind: str, task: str, columns: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` unless there is exactly one column."""
    if len(columns) != 1:
        raise InvalidArgumentError(
            f"{kind}({task!r}) takes one column, got {list(columns)}: make one task per column."
        )


def shown(values: Sequence[object], most: int = 5) -> str:
    """Return the first few values, for a sentence.

    Example:
        >>> shown(["a", "b", "c"], most=2)
        "'a', 'b' and 1 more"
    """
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(repr(value) for value in values[:most]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _natural(value: Value) -> tuple[int, float, str]:
    if isinstance(value, str):
        return (1, 0.0, value)
    return (0, float(value), "")


def _whole(value: Value) -> Value:
    # Pandas turns integers with missing values into floats; the classes are 0 and 1 all the same.
    return int(value) if isinstance(value, float) and value.is_integer() else value
