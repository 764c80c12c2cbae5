import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data.columns import Boolean


def test_yes_no_and_missing() -> None:
    fitted = Boolean("b").fit(pl.Series("b", [True, False, None]))
    assert (fitted.n_numbers, fitted.n_indicators) == (1, 1)
    for values in ([True, False, None], ["yes", "No", ""], [1, 0, None], [1.0, 0.0, None]):
        parts = fitted.encode(pl.Series("b", values))
        assert parts.numbers[:, 0].tolist() == [1, -1, 0]
        assert parts.indicators[:, 0].tolist() == [0, 0, 1]


def test_no_indicator_where_training_had_none_missing() -> None:
    fitted = Boolean("b").fit(pl.Series("b", [True, False]))
    assert fitted.encode(pl.Series("b", [None], dtype=pl.Boolean)).indicators is None


def test_says_what_is_wrong() -> None:
    with pytest.raises(DataError, match="1 of its 2 values are neither, such as 'perhaps'"):
        Boolean("b").fit(pl.Series("b", ["yes", "perhaps"]))
