import polars as pl
import pytest
import torch

from cotrain._base import DataError
from cotrain.data.sources import RowSources


def test_sources_are_numbered_in_the_order_of_their_first_rows() -> None:
    sources = RowSources.of(pl.Series("source", ["b", " a ", "b", "c"]))
    assert sources.names == ("b", "a", "c")
    assert sources.numbers.tolist() == [0, 1, 0, 2]
    assert {name: rows.tolist() for name, rows in sources.rows().items()} == {"b": [0, 2], "a": [1], "c": [3]}


def test_known_sources_keep_their_numbers_and_new_ones_come_after_them() -> None:
    sources = RowSources.of(pl.Series("source", ["new", "a"]), ["b", "a"])
    assert sources.names == ("b", "a", "new")
    assert sources.numbers.tolist() == [2, 1]
    assert sources.present == [1, 2]


def test_numbers_may_name_sources() -> None:
    assert RowSources.of(pl.Series("site", [3, 1, 3])).names == ("3", "1")


def test_rows_may_be_taken_repeatedly() -> None:
    taken = RowSources.of(pl.Series("source", ["a", "b", "a"])).take(torch.tensor([1, 1, 2]))
    assert (taken.names, taken.numbers.tolist(), len(taken)) == (("a", "b"), [1, 1, 0], 3)


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_row_without_a_source_is_refused(empty: str | None) -> None:
    with pytest.raises(DataError, match=r"'source' is empty in 1 rows, first in row 1"):
        RowSources.of(pl.Series("source", ["a", empty, "b"]))
