import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns import Category


def codes(fitted: Category, values: object) -> list[int]:
    return fitted.encode(pl.Series("c", values)).codes[:, 0].tolist()


def test_values_have_codes_of_their_own_and_rare_new_and_missing_ones_do_not() -> None:
    fitted = Category("c", min_count=2).fit(pl.Series("c", ["b", "a", "b", "a", "rare", None, " "]))
    assert fitted.cardinalities == (4,)
    assert codes(fitted, ["a", "b", "rare", "new", None, "", " a "]) == [2, 3, 0, 0, 1, 1, 2]


def test_codes_do_not_depend_on_the_order_of_the_rows() -> None:
    values = ["x", "y", "z", "x", "y", "z"]
    forth = Category("c", max_values=2).fit(pl.Series("c", values))
    back = Category("c", max_values=2).fit(pl.Series("c", values[::-1]))
    assert forth.state == back.state == {"values": ["x", "y"]}


def test_an_integer_that_came_as_a_float_is_the_same_category() -> None:
    fitted = Category("c").fit(pl.Series("c", [10, 20, 10, 20]))
    assert codes(fitted, [10.0, 20.0, float("nan"), 10.5]) == [2, 3, 1, 0]
    assert codes(fitted, ["10", "20", None]) == [2, 3, 1]


def test_codes_that_lost_their_zeros_are_refused() -> None:
    fitted = Category("zip").fit(pl.Series("zip", ["00501", "10001"] * 3))
    assert codes(fitted, ["00501", "99999", "7", None, "x1", "501"]) == [2, 0, 0, 1, 0, 0]
    for values in ([501, 10001], [501.0, None], ["501", "x"]):
        with pytest.raises(DataError, match=r"'zip': 1 of its 2 values, such as '501', .* such as '00501'"):
            codes(fitted, values)
    for value in ("501", 501.0):
        with pytest.raises(DataError, match="'zip': 1 of its 1 values, such as '501'"):
            fitted.encode_value(value)


def test_codes_that_got_zeros_are_refused() -> None:
    fitted = Category("zip").fit(pl.Series("zip", [501, 10001] * 3))
    with pytest.raises(DataError, match=r"such as '00501', .* such as '501'"):
        codes(fitted, ["00501", "10001"])
    assert codes(fitted, ["0", "007", "a0501", "00501"]) == [0, 0, 0, 0]


def test_training_rows_are_never_refused() -> None:
    for rare in ("1", "01", "001"):
        values = pl.Series("c", ["01", "02"] * 3 + [rare])
        assert codes(Category("c").fit(values), [rare]) == [2 if rare == "01" else 0]
        assert codes(Category("c").fit(values.str.strip_chars_start("0").append(pl.Series([rare]))), [rare])


def test_codes_of_several_lengths_say_nothing_of_zeros() -> None:
    fitted = Category("c").fit(pl.Series("c", ["01", "0001"] * 3))
    assert codes(fitted, ["1", "001", "01"]) == [0, 0, 3]


def test_booleans_and_enums_are_categories_too() -> None:
    fitted = Category("c").fit(pl.Series("c", [True, False, True, False]))
    assert codes(fitted, [True, False]) == [3, 2]
    assert codes(fitted, ["true", "false"]) == [3, 2]


def test_lists_are_refused() -> None:
    with pytest.raises(DataError, match="'c' holds values of type List"):
        Category("c").fit(pl.Series("c", [["a"]]))


def test_refuses_options_out_of_range() -> None:
    with pytest.raises(InvalidArgumentError, match="min_count is 0, expected at least 1"):
        Category("c", min_count=0)
    with pytest.raises(InvalidArgumentError, match="max_values is 0, expected at least 1"):
        Category("c", max_values=0)


@settings(max_examples=100)
@given(
    train=st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=30),
    new=st.lists(st.none() | st.text(max_size=4), max_size=10),
)
def test_any_text_gives_codes_in_range_and_survives_saving(train: list, new: list) -> None:
    fitted = Category("c", min_count=1).fit(pl.Series("c", train, dtype=pl.String))
    again = Category.from_json(json.loads(json.dumps(fitted.to_json())))
    values = pl.Series("c", new, dtype=pl.String)
    result = fitted.encode(values).codes
    assert result.shape == (len(new), 1)
    assert result.max(initial=0) < fitted.cardinalities[0]
    assert np.array_equal(result, again.encode(values).codes)
    assert 0 not in fitted.encode(pl.Series("c", train, dtype=pl.String)).codes
