"""Lengths of time as numbers of seconds, whatever spells them."""

from __future__ import annotations

import polars as pl

from cotrain.data.columns._values import text_values

_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
#: ISO 8601 without months and years, whose length varies: what polars and others write.
_ISO = rf"^(-)?P(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?$"
#: What pandas and Python write: "1 days 02:03:04.5", "-1 day, 23:00:00".
_DAYS = r"^(-?[0-9]+) days?,? \+?([0-9]{1,2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?)$"
_IN_SECONDS = {_ISO: (604_800, 86_400, 3_600, 60, 1), _DAYS: (86_400, 3_600, 60, 1)}


def seconds_spelled(text: pl.Series) -> pl.Series | None:
    """Return a column of text as seconds, Float64; `None` if a cell spells no length of time.

    Args:
        text: stripped, null where missing.

    Example:
        >>> seconds_spelled(pl.Series(["PT90S", "P1DT0.5S", None])).to_list()
        [90.0, 86400.5, None]
        >>> seconds_spelled(pl.Series(["0 days 00:01:30", "-1 days +23:00:00"])).to_list()
        [90.0, -3600.0]
    """
    seconds = pl.Series(text.name, [None] * len(text), dtype=pl.Float64)
    for pattern, units in _IN_SECONDS.items():
        fields = text.str.extract_groups(pattern).struct.unnest().get_columns()
        parts = [part.str.replace(",", ".").cast(pl.Float64) for part in fields[-len(units) :]]
        table = pl.DataFrame([part.alias(str(place)) for place, part in enumerate(parts)])
        # "P" and "PT" alone have no number, and are texts.
        some = table.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        found = table.select(
            pl.sum_horizontal(pl.col(str(place)) * unit for place, unit in enumerate(units))
        ).to_series()
        if pattern == _ISO:
            found = found.zip_with((fields[0] != "-").fill_null(value=True), -found)
        seconds = seconds.zip_with(~some, found)
    return seconds if seconds.null_count() == text.null_count() else None


def spans_like(seconds: pl.Series, like: pl.Series) -> pl.Series | None:
    """Return seconds as the lengths of time that another column holds or spells; `None`: it has none.

    Example:
        >>> spans_like(pl.Series([90.0, None]), pl.Series(["PT5S", "0 days 00:00:07"])).to_list()
        ['PT1M30S', None]
    """
    if not seconds.dtype.is_float():
        return None
    spans = (seconds * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    if like.dtype == pl.Duration:
        return spans.cast(like.dtype)
    text = text_values(like) if like.dtype == pl.String else like[:0]
    spelled = seconds_spelled(text) if text.null_count() < len(text) else None
    return None if spelled is None else spans.dt.to_string("iso")


def in_seconds(durations: pl.Series) -> pl.Series:
    """Return a column of durations as seconds, Float64.

    Example:
        >>> from datetime import timedelta
        >>> in_seconds(pl.Series([timedelta(minutes=1.5), None])).to_list()
        [90.0, None]
    """
    per_second = {"ms": 1e3, "us": 1e6, "ns": 1e9}[getattr(durations.dtype, "time_unit", "us")]
    return durations.to_physical().cast(pl.Float64) / per_second
