import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns import Number


def column(values: object, **options: object) -> Number:
    return Number("x", **options).fit(pl.Series("x", values, strict=False))  # type: ignore[arg-type]


def test_numbers_are_standardised() -> None:
    x = np.random.default_rng(0).normal(50, 10, 1000)
    z = column(x).encode(pl.Series("x", x)).numbers
    assert z.dtype == np.float32
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1, abs=1e-3)


def test_a_missing_number_is_the_median_with_an_indicator() -> None:
    parts = column([1.0, 2.0, None, 30.0, float("nan")], bins=8).encode(
        pl.Series("x", [None, 2.0, float("nan")])
    )
    assert parts.numbers[0] == parts.numbers[1] == parts.numbers[2]
    assert parts.indicators[:, 0].tolist() == [1, 0, 1]
    assert parts.codes[:, 0].tolist() == [0, 2, 0]


def test_no_indicator_where_training_had_none_missing() -> None:
    fitted = column([1.0, 2.0, 3.0])
    parts = fitted.encode(pl.Series("x", [None, 2.0]))
    assert fitted.n_indicators == 0
    assert parts.indicators is None
    assert parts.numbers[0] == parts.numbers[1]


def test_a_long_tail_is_drawn_in_and_an_even_spread_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    assert column(rng.lognormal(10, 2, 2000)).state["transform"] == "log"
    assert column(-rng.lognormal(10, 2, 2000)).state["transform"] == "log"
    assert column(rng.normal(100, 5, 2000)).state["transform"] == "linear"
    assert column(rng.uniform(0, 1e6, 2000)).state["transform"] == "linear"
    assert column(rng.lognormal(10, 2, 2000), transform="linear").state["transform"] == "linear"


def test_what_is_far_out_is_clipped() -> None:
    parts = column(np.arange(100.0)).encode(pl.Series("x", [1e12, -1e12, 50.0]))
    assert parts.numbers[:2, 0].tolist() == [6.0, -6.0]


def test_few_values_have_a_code_each_and_many_are_binned_evenly() -> None:
    few = column([1, 1, 2, 5, None], bins=32)
    assert few.cardinalities == (4,)
    assert few.encode(pl.Series("x", [0, 1, 2, 3, 4, 5, 9])).codes[:, 0].tolist() == [1, 1, 2, 2, 3, 3, 3]
    x = np.random.default_rng(0).normal(size=3200)
    many = column(x, bins=16)
    counts = np.bincount(many.encode(pl.Series("x", x)).codes[:, 0], minlength=17)
    assert counts[0] == 0
    assert counts[1:].tolist() == [200] * 16


def test_a_value_that_fills_several_bins_takes_one() -> None:
    x = [0.0] * 900 + np.arange(1.0, 101.0).tolist()
    fitted = column(x, bins=16)
    codes = fitted.encode(pl.Series("x", x)).codes[:, 0]
    assert set(codes[:900].tolist()) == {1}
    assert codes[900:].min() > 1


def test_without_bins_there_is_no_code() -> None:
    fitted = column([1.0, 2.0], bins=0)
    assert fitted.cardinalities == ()
    assert fitted.encode(pl.Series("x", [1.0])).codes is None


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float32, pl.Float64, pl.String, pl.Decimal(10, 2)])
def test_the_same_number_in_another_type_is_the_same(dtype: pl.DataType) -> None:
    fitted = column([1, 2, 3, 4])
    here = fitted.encode(pl.Series("x", [2, 4], dtype=pl.Int64))
    there = fitted.encode(pl.Series("x", [2, 4]).cast(dtype))
    assert np.array_equal(here.numbers, there.numbers)


def test_says_what_is_wrong() -> None:
    fitted = column([1, 2, 3])
    for values, message in (
        (["1", "two", "three"], "2 of its 3 values are not numbers, such as 'two'"),
        ([1.0, float("inf"), -float("inf")], "'x' has 2 infinite values"),
        ([[1]], r"type here is List"),
    ):
        with pytest.raises(DataError, match=message):
            fitted.encode(pl.Series("x", values))
    with pytest.raises(DataError, match="1 infinite value:"):
        column([1.0, float("inf")])


def test_refuses_options_out_of_range() -> None:
    for options in ({"bins": 1}, {"bins": -1}, {"transform": "square"}):
        with pytest.raises(InvalidArgumentError, match=r"got (1|-1)|transform='square'"):
            Number("x", **options)  # type: ignore[arg-type]


@settings(max_examples=100)
@given(
    train=st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=30),
    new=st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=False), max_size=10),
    bins=st.sampled_from([0, 2, 8]),
)
def test_any_numbers_give_finite_parts_in_range(train: list, new: list, bins: int) -> None:
    fitted = column(pl.Series("x", train, dtype=pl.Float64), bins=bins)
    again = Number.from_json(json.loads(json.dumps(fitted.to_json())))
    values = pl.Series("x", new, dtype=pl.Float64)
    parts, same = fitted.encode(values), again.encode(values)
    assert np.isfinite(parts.numbers).all()
    assert np.abs(parts.numbers).max(initial=0) <= 6
    assert np.array_equal(parts.numbers, same.numbers)
    if bins:
        assert parts.codes.max(initial=0) < fitted.cardinalities[0]
        assert np.array_equal(parts.codes, same.codes)
