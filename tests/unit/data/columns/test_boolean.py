import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data.columns import Boolean, Number


def test_yes_no_and_missing() -> None:
    fitted = Boolean("b").fit(pl.Series("b", [True, False, False, True, None]))
    assert (fitted.n_numbers, fitted.n_indicators) == (1, 1)
    for values in ([True, False, None], ["yes", "No", ""], [1, 0, None], [1.0, 0.0, None]):
        parts = fitted.encode(pl.Series("b", values))
        assert parts.numbers[0, 0] == -parts.numbers[1, 0] > 1
        assert parts.numbers[2, 0] == 0
        assert parts.indicators[:, 0].tolist() == [0, 0, 1]


def test_the_same_numbers_as_a_number_column() -> None:
    # A database without a type for true and false has 1 and 0.
    values = [1, 0, 0, None, 1, 0, 0]
    flags = pl.Series("b", values).cast(pl.Boolean)
    number = Number("b").fit(pl.Series("b", values)).encode(pl.Series("b", values))
    for given in (flags, pl.Series("b", values)):
        parts = Boolean("b").fit(given).encode(given)
        assert np.array_equal(parts.numbers, number.numbers)
        assert np.array_equal(parts.indicators, number.indicators)


def test_a_count_that_had_no_more_than_one_in_training_goes_on() -> None:
    fitted = Boolean("b").fit(pl.Series("b", [0, 1] * 5))
    assert fitted.encode(pl.Series("b", [2, 100])).numbers[:, 0].tolist() == [3, 6]
    assert fitted.encode(pl.Series("b", ["2", "no"])).numbers[:, 0].tolist() == [3, -1]


def test_no_indicator_where_training_had_none_missing() -> None:
    fitted = Boolean("b").fit(pl.Series("b", [True, False]))
    assert fitted.encode(pl.Series("b", [None], dtype=pl.Boolean)).indicators is None


def test_says_what_is_wrong() -> None:
    with pytest.raises(DataError, match="1 of its 2 values are neither, such as 'perhaps'"):
        Boolean("b").fit(pl.Series("b", ["yes", "perhaps"]))
