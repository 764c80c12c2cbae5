import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data.columns._values import numeric_values, text_values


def test_text_of_every_type() -> None:
    for values, expected in (
        (pl.Series([1, None]), ["1", None]),
        (pl.Series([1.0, 1.5, float("nan"), None]), ["1", "1.5", None, None]),
        (pl.Series([" a ", "", None]), ["a", None, None]),
        (pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series([True]), ["true"]),
    ):
        assert text_values(values).to_list() == expected


def test_numbers_of_every_type() -> None:
    for values in (pl.Series(["1", " 2.0 "]), pl.Series([1, 2]), pl.Series([1.0, 2.0], dtype=pl.Float32)):
        assert numeric_values(values).tolist() == [1.0, 2.0]
    assert str(numeric_values(pl.Series([None, None])).tolist()) == "[nan, nan]"


def test_structures_are_refused() -> None:
    with pytest.raises(DataError, match="Struct"):
        text_values(pl.Series("s", [{"a": 1}]))
    with pytest.raises(DataError, match="Struct"):
        numeric_values(pl.Series("s", [{"a": 1}]))
