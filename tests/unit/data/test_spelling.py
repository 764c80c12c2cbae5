"""`tests/unit/data/test_table.py` holds the rules; here is what only the parts show."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.data._spelling import settle_as, settle_numbers, settle_text, spells_number, type_of


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(allow_nan=False), min_size=1))
def test_numbers_as_they_are_written_are_read_back(numbers: list) -> None:
    column = pl.Series("a", numbers, dtype=pl.Float64)
    expected = settle_numbers(column)
    for text in ([None if x is None else repr(x) for x in numbers], column.cast(pl.String).to_list()):
        read = settle_text(pl.Series("a", text, dtype=pl.String))
        if column.null_count() == len(column):
            assert read.null_count() == len(read)
        else:
            assert read.equals(expected, check_dtypes=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.text(alphabet="0123456789+-.eE", min_size=1, max_size=6), min_size=1))
def test_text_that_becomes_numbers_has_lost_nothing_but_zeros_after_the_point(cells: list) -> None:
    text = pl.Series("a", cells, dtype=pl.String)
    read = settle_text(text)
    if read.dtype == pl.String:
        return
    for cell, number in zip(cells, read.to_list(), strict=True):
        if cell is not None:
            assert float(cell) == number
            assert not cell.startswith("+")
            assert not (cell.lstrip("-")[0] == "0" and cell.lstrip("-")[1:2].isdigit())


def test_what_was_learned_from_words_stays_words() -> None:
    assert settle_as(pl.Series([1, 2]), "text").to_list() == ["1", "2"]
    assert settle_as(pl.Series(["1", "x"]), "boolean").to_list() == ["1", "x"]
    assert settle_as(pl.Series([1, 0, None]), "boolean").to_list() == [True, False, None]
    assert settle_as(pl.Series(["TRUE", "0"]), "boolean").to_list() == [True, False]
    assert settle_as(pl.Series([True, None]), "integer").to_list() == [1, None]
    assert settle_as(pl.Series(["1.0", "2.50", "x"]), "number").to_list() == ["1", "2.5", "x"]
    assert settle_as(pl.Series(["+5", "007"]), "number").to_list() == [5, 7]
    assert settle_as(pl.Series(["2020-01-02", "soon"]), "date").dtype == pl.String
    assert settle_as(pl.Series([[1]]), "other").to_list() == [[1]]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", True),
        ("-1.5", True),
        ("1e3", False),
        ("1e16", True),
        ("1.0e3", True),
        ("1e-3", True),
        ("+1", False),
    ],
)
def test_which_cells_spell_numbers(cell: str, number: bool) -> None:
    assert spells_number(pl.Series([cell, None])).to_list() == [number, None]


def test_every_settled_type_has_a_name() -> None:
    for values, name in (
        ([None], "empty"),
        ([1], "integer"),
        ([1.5], "number"),
        ([True], "boolean"),
        (["a"], "text"),
        ([["a"]], "other"),
    ):
        assert type_of(pl.Series(values)) == name
