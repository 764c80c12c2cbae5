from __future__ import annotations

import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain.tasks._target_values import ClassCoding, keys, labelled_classes


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pl.Series([1, None, 2]), ["1", None, "2"]),
        (pl.Series([1.0, float("nan"), 2.5]), ["1", None, "2.5"]),
        (pl.Series(["a ", "", None, "  "]), ["a", None, None, None]),
        (pl.Series([True, None]), ["True", None]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series([], dtype=pl.Int64), []),
        (pl.Series([datetime.date(2020, 1, 2)]), ["2020-01-02"]),
    ],
)
def test_keys(series: pl.Series, expected: list) -> None:
    assert keys(series).to_list() == expected


@pytest.mark.parametrize(
    "series",
    [pl.Series([object()], dtype=pl.Object), pl.Series([[1]]), pl.Series([{"a": 1}])],
    ids=["object", "list", "struct"],
)
def test_columns_without_one_value_a_row_are_refused(series: pl.Series) -> None:
    with pytest.raises(DataError, match="where one value a row was expected"):
        keys(series)


def test_dates_and_decimals_become_classes_that_json_can_hold() -> None:
    found = labelled_classes(pl.Series([datetime.date(2020, 1, 2), None, datetime.date(2020, 1, 2)]))
    assert found == [("2020-01-02", 2)]


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1))
def test_coding_round_trip(values: list) -> None:
    for column in (pl.Series(values, dtype=pl.Int64), pl.Series(values, dtype=pl.Float64)):
        found = labelled_classes(column)
        assert [value for value, _ in found] == sorted({value for value in values if value is not None})
        assert sum(count for _, count in found) == sum(value is not None for value in values)
        coding = ClassCoding([value for value, _ in found])
        codes = coding.encode(column)
        assert [None if code < 0 else coding.classes[code] for code in codes] == values
        assert coding.unseen(column) == {}


@pytest.mark.parametrize("value", [[], {}, None, ["a"]])
def test_a_class_that_is_no_value_is_refused_in_a_sentence(value):
    with pytest.raises(DataError, match="expected a text, a number, true or false"):
        ClassCoding(["a", value])
