from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data.columns import Date
from cotrain.data.columns._date import FORMATS, find_format

DAYS = [date(2020, 1, 31), date(2021, 6, 13), None, date(2019, 12, 25)]


def test_dates_and_the_text_that_spells_them_are_the_same() -> None:
    fitted = Date("d").fit(pl.Series("d", DAYS))
    text = pl.Series("d", [None if day is None else day.isoformat() for day in DAYS])
    for values in (text, pl.Series("d", DAYS).cast(pl.Datetime("ms"))):
        assert np.array_equal(fitted.encode(values).numbers, fitted.encode(pl.Series("d", DAYS)).numbers)


def test_month_and_weekday_are_places_on_a_circle() -> None:
    fitted = Date("d").fit(pl.Series("d", DAYS))
    numbers = fitted.encode(pl.Series("d", [date(2020, 12, 1), date(2021, 1, 1), date(2020, 6, 1)])).numbers
    month = numbers[:, 2:4]
    assert np.linalg.norm(month, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(month[0] - month[1]) < np.linalg.norm(month[0] - month[2])


def test_a_missing_date_is_zeros_with_an_indicator() -> None:
    parts = Date("d").fit(pl.Series("d", DAYS)).encode(pl.Series("d", DAYS))
    assert parts.numbers[2].tolist() == [0] * 6
    assert parts.indicators[:, 0].tolist() == [0, 0, 1, 0]


def test_times_of_day_add_the_hour() -> None:
    times = [datetime(2020, 1, 1, 6), datetime(2020, 1, 2, 18)]
    fitted = Date("d").fit(pl.Series("d", times))
    assert fitted.n_numbers == 8
    assert fitted.encode(pl.Series("d", times)).numbers[:, 6].tolist() == pytest.approx([1, -1])


@pytest.mark.parametrize("spelling", [spelling for spelling in FORMATS if "%.f" not in spelling])
def test_reads_the_usual_spellings(spelling: str) -> None:
    days = [datetime(2020, 5, 31), datetime(2021, 6, 13), datetime(2019, 12, 25)]
    text = pl.Series("d", [day.strftime(spelling) for day in days])
    found = find_format(text)
    assert found is not None
    assert text.str.to_datetime(found).to_list() == days


def test_says_what_is_wrong() -> None:
    fitted = Date("d").fit(pl.Series("d", ["2020-01-01", "2020-01-02"]))
    with pytest.raises(DataError, match="1 of its 2 values cannot be read as %Y-%m-%d, such as '31.12.20'"):
        fitted.encode(pl.Series("d", ["2020-01-01", "31.12.20"]))
    with pytest.raises(DataError, match="type here is Int64"):
        fitted.encode(pl.Series("d", [20200101]))
    with pytest.raises(DataError, match="cannot be read as a date, such as 'soon'"):
        Date("d").fit(pl.Series("d", ["soon", "later"]))


def test_a_column_without_dates_is_all_missing() -> None:
    fitted = Date("d").fit(pl.Series("d", [None, None], dtype=pl.Date))
    assert np.isfinite(fitted.encode(pl.Series("d", [date(2020, 1, 1), None])).numbers).all()
    assert Date("d").fit(pl.Series("d", [None])).n_indicators == 1


@pytest.mark.parametrize("spelling", FORMATS)
@pytest.mark.parametrize("rows", [1, 3])
def test_text_where_training_had_dates_is_read_right_or_refused(spelling: str, rows: int) -> None:
    # What a day is does not depend on which other rows are asked about.
    days = [datetime(2020, 2, 1), datetime(2021, 6, 13), datetime(2019, 12, 25)][:rows]
    fitted = Date("d").fit(pl.Series("d", DAYS))
    text = pl.Series("d", [day.strftime(spelling.replace("%.f", ".000000")) for day in days])
    if rows == 1 and spelling[:2] in ("%m", "%d") and spelling[2] in "/-":
        with pytest.raises(DataError, match=r"'d' has dates that read .*'d' held dates in training; write"):
            fitted.encode(text)
    else:
        assert fitted.times(text).to_list() == days
