"""A column of dates."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._values import text_values

FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
CLIP = 6.0
#: Spellings that cannot be told apart where no day is above 12.
_ALIKE = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y"}


@final
class Date(Column):
    """Elapsed time and year, standardised, and the circles of month, weekday and hour.

    Numbers: (t − mean) / std of the time and of the year, clipped to ±6; sin and cos of 2π·month/12 and of
    2π·weekday/7; of 2π·hour/24 where the training values have times of day. All 0 where missing. Times with a
    zone are taken in UTC.

    Args:
        name: name of the column.
        format: how text spells the dates, as in `strptime`; `None`: the first of the usual spellings that
            reads all training values.

    Raises:
        DataError: no spelling reads the training values, month and day could be either of two numbers, or the
            spelling that they have does not read a new value.

    Example:
        >>> column = Date("released").fit(pl.Series("released", ["2001-02-03", "2003-02-01", None]))
        >>> column.n_numbers, column.n_indicators
        (6, 1)
    """

    def __init__(self, name: str, *, format: str | None = None) -> None:
        super().__init__(name)
        self.format = format

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the spelling, mean and spread."""
        spelling = self.format or (find_format(values) if values.dtype == pl.String else None)
        if self.format is None and spelling is not None:
            other = _ALIKE.get(spelling)
            remedy = f"say which, with columns: {{{self.name}: {{kind: date, format: '{other}'}}}}"
            self._require_one_reading(values, spelling, remedy)
        times = self._read(values, spelling)
        seconds = _seconds(times)
        years = times.dt.year().cast(pl.Float64).drop_nulls().to_numpy()
        clock = times.dt.hour().fill_null(0).n_unique() > 1
        return {
            "format": spelling,
            "missing": bool(times.is_null().any()),
            "clock": clock,
            "time": _moments(seconds[~np.isnan(seconds)]),
            "year": _moments(years),
        }

    def settle(self) -> None:
        """Set the sizes."""
        self.n_numbers = 8 if self.state["clock"] else 6
        self.n_indicators = int(self.state["missing"])

    def encode(self, values: pl.Series) -> Parts:
        """Code the dates."""
        times = self._read(values, self.state["format"])
        parts = []
        for name, x in (("time", _seconds(times)), ("year", _floats(times.dt.year()))):
            mean, std = self.state[name]
            parts.append(np.clip((x - mean) / std, -CLIP, CLIP))
        circles = [(times.dt.month(), 12), (times.dt.weekday(), 7)]
        if self.state["clock"]:
            circles.append((times.dt.hour(), 24))
        for place, period in circles:
            angle = 2 * np.pi * _floats(place) / period
            parts += [np.sin(angle), np.cos(angle)]
        missing = times.is_null().to_numpy()
        numbers = np.nan_to_num(np.stack(parts, axis=1)).astype(np.float32)
        return Parts(
            numbers=numbers, indicators=missing.astype(np.float32)[:, None] if self.n_indicators else None
        )

    def times(self, values: pl.Series) -> pl.Series:
        """Return the dates as they are read, in microseconds."""
        return self._read(values, self.state["format"])

    def _require_one_reading(self, values: pl.Series, spelling: str, remedy: str) -> None:
        """Raise `DataError` if the other order of day and month reads all values, too."""
        other = _ALIKE.get(spelling)
        if other is not None and reads(values, other):
            raise DataError(
                f"Column {self.name!r} has dates that read as {spelling} as well as {other}, such as "
                f"{text_values(values).drop_nulls()[0]!r}: {remedy}."
            )

    def _read(self, values: pl.Series, spelling: str | None) -> pl.Series:
        if values.dtype == pl.Null:
            return values.cast(pl.Datetime("us"))
        if values.dtype.is_temporal() and values.dtype in (pl.Date, pl.Datetime):
            if values.dtype == pl.Date:
                return values.cast(pl.Datetime("us"))
            zone = getattr(values.dtype, "time_zone", None)
            # A moment is the same moment in every zone.
            utc = values if zone is None else values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            return utc.cast(pl.Datetime("us"))
        if values.dtype != pl.String:
            raise DataError(f"Column {values.name!r} is a date column, but its type here is {values.dtype}.")
        text = text_values(values)
        if spelling is None and (spelling := find_format(values)) is not None:
            # It came as dates in training, which say nothing of how text spells them.
            remedy = f"{self.name!r} held dates in training; write the year first, such as 2020-12-31"
            self._require_one_reading(values, spelling, remedy)
        times = text.str.to_datetime(spelling, strict=False, time_unit="us") if spelling else None
        wrong = text if times is None else text.filter(times.is_null() & text.is_not_null())
        if times is None or len(wrong):
            raise DataError(
                f"Column {values.name!r} is a date column, but {len(wrong)} of its {len(values)} values "
                f"cannot be read as {spelling or 'a date'}, such as {wrong.drop_nulls()[0]!r}: mend them, or "
                "declare the column a category or text."
            )
        return times


def seconds_of(values: pl.Series) -> np.ndarray:
    """Return times as seconds, numbers as they are; NaN where missing.

    Raises:
        DataError: they are neither numbers nor dates that can be read.

    Example:
        >>> seconds_of(pl.Series("t", ["1970-01-02", None])).tolist()
        [86400.0, nan]
    """
    if values.dtype.is_numeric():
        return _floats(values.cast(pl.Float64).fill_nan(None))
    if values.dtype == pl.String:
        text = text_values(values)
        numbers = text.cast(pl.Float64, strict=False)
        if numbers.null_count() == text.null_count():
            return _floats(numbers)
    return _seconds(Date(values.name).fit(values).times(values))


def find_format(values: pl.Series) -> str | None:
    """Return the first of the usual spellings that reads every value, or `None`."""
    return next((spelling for spelling in FORMATS if reads(values, spelling)), None)


def reads(values: pl.Series, spelling: str) -> bool:
    """Return whether a spelling reads every value, and there is one."""
    text = text_values(values).drop_nulls()
    # The first few rule most spellings out.
    return len(text) > 0 and not any(
        some.str.to_datetime(spelling, strict=False).null_count() for some in (text.head(50), text)
    )


def _seconds(times: pl.Series) -> np.ndarray:
    return _floats(times.dt.epoch("us")) / 1e6


def _floats(values: pl.Series) -> np.ndarray:
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _moments(x: np.ndarray) -> tuple[float, float]:
    return (float(x.mean()), float(x.std()) or 1.0) if len(x) else (0.0, 1.0)
