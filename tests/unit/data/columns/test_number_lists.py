import polars as pl
import pytest

from cotrain.data.columns._number_lists import number_lists, number_words


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("[1, 2.5]", [1, 2.5]),
        ("[1e-05,-2]", [1e-5, -2]),
        ("[ 0.1  1.\n -2.5e+00]", [0.1, 1, -2.5]),
        ("[null, NaN, 3]", [None, None, 3]),
        ("[7]", [7]),
        ("[]", None),
        ("[1, a]", None),
        ("[1, 2", None),
        ("[1 ... 2]", None),
        ('["1.5", null]', [1.5, None]),
        ('["a", "2"]', None),
        ("1, 2", None),
        ("7", None),
    ],
)
def test_a_text_that_spells_numbers_is_their_list(cell: str, numbers: list | None):
    assert number_lists(pl.Series([cell, None])).to_list() == [numbers, None]
    assert (number_words(pl.Series([cell]))[0] is None) == (numbers is None)


@pytest.mark.parametrize("dtype", [pl.List(pl.Int8), pl.List(pl.Float32), pl.Array(pl.Int64, 2)])
def test_lists_and_arrays_of_any_numbers_are_read(dtype: pl.DataType):
    assert number_lists(pl.Series([[1, 2], None]).cast(dtype)).to_list() == [[1, 2], None]


def test_other_cells_hold_no_numbers():
    assert number_lists(pl.Series([["a"], None])).to_list() == [None, None]
    assert number_lists(pl.Series([[[1]], None])).to_list() == [None, None]
    assert number_lists(pl.Series([1, None])).to_list() == [None, None]
