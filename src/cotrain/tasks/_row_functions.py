"""What a condition on one row can compute: comparisons, arithmetic, and a few functions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

import polars as pl

from cotrain._base import DataError

#: A column of B values, or one value for all rows.
Operand = pl.Series | str | int | float | bool | None

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class RowFunction:
    """A function of the values of one row.

    Args:
        call: from operands to an operand.
        fewest: number of arguments at least.
        most: at most.
    """

    call: Callable[..., Operand]
    fewest: int = 1
    most: int = 1


def is_column(value: Operand) -> TypeGuard[pl.Series]:
    """Whether an operand has a value for each row."""
    return isinstance(value, pl.Series)


def compare(comparison: str, left: Operand, right: Operand) -> Operand:
    """Compare two operands row by row; null where one is missing.

    Dates compare with texts that spell one, true and false with 1 and 0.

    Raises:
        DataError: text is compared with a number.

    Example:
        >>> compare(">=", pl.Series(["2020-01-02", None]).str.to_date(), "2020-01-01").to_list()
        [True, None]
    """
    left, right = _alike(left, right), _alike(right, left)
    if left is None or right is None:
        return None
    if _is_text(left) != _is_text(right):
        texts, others = (left, right) if _is_text(left) else (right, left)
        raise DataError(
            f"{_shown(texts)} is text and {_shown(others)} is not: write texts in 'single quotes', numbers "
            "without"
        )
    if not is_column(left) and not is_column(right):
        return bool(_COMPARE[comparison](left, right))
    return _COMPARE[comparison](_column(left), _column(right))


def calculate(sign: str, left: Operand, right: Operand) -> Operand:
    """Calculate row by row in float64; dividing by 0 gives null.

    Raises:
        DataError: an operand is no number.

    Example:
        >>> calculate("/", pl.Series([6, 1]), pl.Series([3, 0])).to_list()
        [2.0, None]
    """
    if left is None or right is None:
        return None
    a, b = _number(left), _number(right)
    if sign in "/%":
        b = b.set(b == 0, None)
    signs: dict[str, Callable[[pl.Series, pl.Series], pl.Series]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "%": operator.mod,
    }
    result = signs[sign](a, b)
    return result if is_column(left) or is_column(right) else result[0]


def text_of(value: Operand) -> pl.Series:
    """Return an operand as text.

    Raises:
        DataError: it is none.
    """
    column = _column(value)
    if column.dtype != pl.String and column.dtype != pl.Null:
        raise DataError(f"{_shown(value)} is no text")
    return column.cast(pl.String)


def _alike(value: Operand, other: Operand) -> Operand:
    """Return a value in the type of what it is compared with, where the two are spellings of one."""
    temporal = is_column(other) and other.dtype.is_temporal()
    if isinstance(value, str) and temporal:
        return pl.Series([_moment(value)], dtype=pl.Datetime("us"))
    if is_column(value) and value.dtype == pl.Date and not (is_column(other) and other.dtype == pl.Date):
        return value.cast(pl.Datetime("us"))
    if is_column(value) and value.dtype in (pl.Categorical, pl.Enum):
        return value.cast(pl.String)
    whole = isinstance(other, int | float) or (is_column(other) and other.dtype.is_numeric())
    if is_column(value) and value.dtype == pl.Boolean and whole and not isinstance(other, bool):
        return value.cast(pl.Int64)
    numeric = is_column(other) and other.dtype.is_numeric()
    return int(value) if isinstance(value, bool) and numeric else value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{text!r} is no date such as '2020-01-31'") from error
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _is_text(value: Operand) -> bool:
    return value.dtype == pl.String if is_column(value) else isinstance(value, str)


def _column(value: Operand) -> pl.Series:
    return value if is_column(value) else pl.Series([value])


def _number(value: Operand) -> pl.Series:
    column = _column(value)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"{_shown(value)} is no number")
    return column.cast(pl.Float64)


def _shown(value: Operand) -> str:
    return f"column {value.name!r}" if is_column(value) and value.name else repr(value)[:40]


def _coalesce(*values: Operand) -> Operand:
    height = next((len(value) for value in values if is_column(value)), 1)
    columns = [_column(value) for value in values]
    whole = [column if len(column) == height else column.new_from_index(0, height) for column in columns]
    result = whole[0]
    for column in whole[1:]:
        result = result.zip_with(result.is_not_null(), column.cast(result.dtype))
    return result


def _part(part: Callable[[pl.Series], pl.Series]) -> RowFunction:
    def call(value: Operand) -> Operand:
        column = _column(value)
        if not column.dtype.is_temporal():
            raise DataError(f"{_shown(value)} is no date")
        return part(column)

    return RowFunction(call)


def _round(value: Operand, digits: Operand = 0) -> Operand:
    if not isinstance(digits, int):
        raise DataError("ROUND takes a whole number of digits")
    return _number(value).round(digits)


def _literal(value: Operand) -> str:
    if not isinstance(value, str):
        raise DataError(f"{_shown(value)} is no 'text'")
    return value


FUNCTIONS: dict[str, RowFunction] = {
    "abs": RowFunction(lambda value: _number(value).abs()),
    "coalesce": RowFunction(_coalesce, 2, 10),
    "contains": RowFunction(lambda a, b: text_of(a).str.contains(_literal(b), literal=True), 2, 2),
    "ends_with": RowFunction(lambda a, b: text_of(a).str.ends_with(_literal(b)), 2, 2),
    "length": RowFunction(lambda value: text_of(value).str.len_chars().cast(pl.Int64)),
    "lower": RowFunction(lambda value: text_of(value).str.to_lowercase()),
    "month": _part(lambda column: column.dt.month().cast(pl.Int64)),
    "round": RowFunction(_round, 1, 2),
    "starts_with": RowFunction(lambda a, b: text_of(a).str.starts_with(_literal(b)), 2, 2),
    "trim": RowFunction(lambda value: text_of(value).str.strip_chars()),
    "upper": RowFunction(lambda value: text_of(value).str.to_uppercase()),
    "year": _part(lambda column: column.dt.year().cast(pl.Int64)),
}
