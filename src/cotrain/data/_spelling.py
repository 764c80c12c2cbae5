"""What a column of text spells: whole numbers, numbers, true or false, dates; or text.

The same rules serve every source, so that a table is the same table as a frame and as a file.
"""

from __future__ import annotations

import polars as pl

from cotrain.data._durations import seconds_spelled
from cotrain.data.columns._values import text_values

#: Kinds of content that a column can have. What is none of these ("list", ...) is left as it came.
TYPES = ("empty", "integer", "number", "boolean", "date", "datetime", "text", "other")
#: From here on neighbouring whole numbers are one and the same float.
EXACT = 2**53
#: From here on those who write numbers use an exponent for whole ones: below, "1e3" is a code.
_WRITTEN_WITH_EXPONENT = 1e16
_CODE = r"^\+|^-?0[0-9]"
_BARE_EXPONENT = r"^-?[0-9]+[eE][0-9]+$"
_WHOLE = r"^-?[0-9]+$"
_ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
#: So many cells rule out most of what a column does not spell.
_FEW = 64


def settle_text(text: pl.Series) -> pl.Series:
    """Return a text column as what it spells: Int64, Float64, Boolean, Date, Datetime, or text as it is.

    All cells must spell the same, and nothing may be lost by it:

    - codes stay text: leading zeros ("00501"), a plus ("+4912"), "1e3", whole numbers beyond 64 bits, and
      beyond 2^53 beside fractions;
    - numbers that are all whole are integers, however they are written ("1.0");
    - true and false in any case are booleans;
    - ISO dates are dates, with a time of day where one is not midnight; time zones are converted to UTC;
    - lengths of time ("PT90S", "0 days 00:01:30") are numbers of seconds.

    Args:
        text: stripped, null where missing.

    Example:
        >>> settle_text(pl.Series(["1.0", "2", None])).to_list()
        [1, 2, None]
        >>> settle_text(pl.Series(["00501", "2"])).to_list()
        ['00501', '2']
    """
    head = text.drop_nulls().head(_FEW)
    if not len(head):
        return text
    for read in (_numbers, _booleans, _times, _durations):
        if read(head) is not None:
            settled = read(text)
            if settled is not None:
                return settled
    return text


def settle_numbers(numbers: pl.Series) -> pl.Series:
    """Return Int64 where all of a column's numbers are whole and exact, else Float64.

    Example:
        >>> settle_numbers(pl.Series([1.0, None])).dtype, settle_numbers(pl.Series([1.5, None])).dtype
        (Int64, Float64)
    """
    if not numbers.dtype.is_float():
        return numbers
    first = numbers.drop_nulls().head(_FEW)
    for some in (first, numbers):
        if not bool(((some == some.round(0)) & (some.abs() < EXACT)).all()):
            return numbers
    return numbers.cast(pl.Int64)


def settle_times(times: pl.Series) -> pl.Series:
    """Return dates where all of a column's times are midnight, else times in UTC, to the microsecond."""
    if times.dtype == pl.Date:
        return times
    zone = getattr(times.dtype, "time_zone", None)
    times = times if zone is None else times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    times = times.cast(pl.Datetime("us"))
    dates = times.cast(pl.Date)
    return dates if bool((dates.cast(pl.Datetime("us")) == times).all()) else times


def settle_as(values: pl.Series, kind: str) -> pl.Series:
    """Return a column as the type that it had in training, as far as its cells can be read so.

    Cells that cannot be are left as text: whoever needs them says which ones.

    Args:
        values: text, stripped and null where missing, or any other column, settled.
        kind: one of `TYPES`.

    Example:
        >>> settle_as(pl.Series(["10115", None]), "text").to_list()
        ['10115', None]
        >>> settle_as(pl.Series(["1.0", "x"]), "integer").to_list()
        ['1', 'x']
    """
    if kind == "text":
        return values if values.dtype == pl.String else text_values(values)
    if kind == "boolean":
        return _as_boolean(values)
    if kind in ("integer", "number"):
        return values.cast(pl.Int64) if values.dtype == pl.Boolean else _as_numbers(values)
    if kind in ("date", "datetime") and values.dtype == pl.String:
        times = _times(values)
        return values if times is None else times
    return settle_text(values) if values.dtype == pl.String else values


def type_of(values: pl.Series) -> str:
    """Return which of `TYPES` a settled column has.

    Example:
        >>> type_of(pl.Series([1, 2])), type_of(pl.Series([["a"]]))
        ('integer', 'other')
    """
    if values.null_count() == len(values):
        return "empty"
    dtype = values.dtype
    names = {pl.Boolean: "boolean", pl.Date: "date", pl.Datetime: "datetime", pl.String: "text"}
    for known, name in names.items():
        if dtype == known:
            return name
    return "integer" if dtype.is_integer() else "number" if dtype.is_float() else "other"


def spells_number(text: pl.Series) -> pl.Series:
    """Return per cell whether it spells a number and is no code; null where missing.

    Example:
        >>> spells_number(pl.Series(["1.5", "007", "1e3", "x"])).to_list()
        [True, False, False, False]
    """
    numbers = text.cast(pl.Float64, strict=False)
    code = text.str.contains(_CODE)
    short = text.str.contains(_BARE_EXPONENT) & (numbers.abs() < _WRITTEN_WITH_EXPONENT)
    plain = numbers.is_not_null() & ~numbers.is_nan().fill_null(False) & ~code & ~short.fill_null(False)
    return plain.set(text.is_null(), None)


def _numbers(text: pl.Series) -> pl.Series | None:
    missing = text.null_count()
    whole = text.cast(pl.Int64, strict=False)
    if whole.null_count() == missing:
        return None if text.str.contains(_CODE).any() else whole
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() > missing or numbers.is_nan().any() or not spells_number(text).all():
        return None
    huge = (numbers.abs() >= EXACT).fill_null(False)
    if huge.any() and text.filter(huge).str.contains(_WHOLE).any():
        return None
    return settle_numbers(numbers)


def _booleans(text: pl.Series) -> pl.Series | None:
    lower = text.str.to_lowercase()
    if not lower.is_in(["true", "false"]).all():
        return None
    return lower == "true"


def _times(text: pl.Series) -> pl.Series | None:
    if not text.str.contains(_ISO).all():
        return None
    fields = text.str.extract_groups(_ISO).struct.unnest()
    day, hour, minute, second, fraction, zone = (fields[name] for name in fields.columns)
    dates = day.str.to_date("%Y-%m-%d", strict=False)
    micros = fraction.str.pad_end(6, "0").str.slice(0, 6)
    parts = [part.cast(pl.Int64).fill_null(0) for part in (hour, minute, second, micros)]
    wrong = (parts[0] > 23) | (parts[1] > 59) | (parts[2] > 59)
    if dates.null_count() > text.null_count() or wrong.any():
        return None
    digits = zone.str.replace(":", "").str.replace("Z", "+0000")
    ahead = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
    ahead = (ahead * digits.str.starts_with("-").cast(pl.Int64).replace({1: -1, 0: 1})).fill_null(0)
    clock = ((parts[0] * 60 + parts[1] - ahead) * 60 + parts[2]) * 1_000_000 + parts[3]
    return settle_times((dates.cast(pl.Datetime("us")) + clock.cast(pl.Duration("us"))).alias(text.name))


def _durations(text: pl.Series) -> pl.Series | None:
    seconds = seconds_spelled(text)
    return None if seconds is None else settle_numbers(seconds)


def _as_boolean(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        words = {"true": True, "false": False, "1": True, "0": False}
        read = values.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)
    elif values.dtype.is_integer() and bool(values.is_in([0, 1]).all()):
        read = values.cast(pl.Boolean)
    else:
        return values
    return read if read.null_count() == values.null_count() else values


def _as_numbers(values: pl.Series) -> pl.Series:
    if values.dtype != pl.String:
        return values
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count() == values.null_count():
        return whole
    numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
    if numbers.null_count() == values.null_count():
        return settle_numbers(numbers)
    seconds = _durations(values)
    if seconds is not None:
        return seconds
    # Cells that are no numbers stay as they are, the others get the spelling of the training values.
    return text_values(numbers).zip_with(numbers.is_not_null(), values).alias(values.name)
