import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.data import read_table
from cotrain.data._decimal_comma import parse_decimal_commas


@given(st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9)), min_size=1), st.booleans())
def test_reads_back_what_was_written_so(cents, points):
    def written(value):
        if value is None:
            return None
        text = f"{abs(value) // 100:,}".replace(",", ".") if points else str(abs(value) // 100)
        return f"{'-' if value < 0 else ''}{text},{abs(value) % 100:02d}"

    column = pl.Series("x", [written(value) for value in cents], dtype=pl.String)
    read = parse_decimal_commas(column.to_frame())["x"]
    if all(value is None for value in cents):
        assert read.dtype == pl.String
    else:
        assert read.to_list() == [None if value is None else pytest.approx(value / 100) for value in cents]


@pytest.mark.parametrize(
    "cells",
    [["1,5", "2,5", "x"], ["1,2,3", "1,5"], ["1.25,5"], ["12", "13"], ["1,", "2,5"], [",5", "1,5"], [None]],
    ids=str,
)
def test_leaves_all_other_text_alone(cells):
    frame = pl.DataFrame({"x": cells}, schema={"x": pl.String})
    assert parse_decimal_commas(frame).equals(frame)


def test_only_where_commas_do_not_separate_the_columns(tmp_path):
    (tmp_path / "a.csv").write_text("price;city\n1.250,5;Bern\n;Rom\n")
    assert read_table(tmp_path / "a.csv")["price"].to_list() == [1250.5, None]
    (tmp_path / "b.csv").write_text('price,city\n"1,250",Bern\n"7",Rom\n')
    assert read_table(tmp_path / "b.csv")["price"].to_list() == ["1,250", "7"]


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["999", "1.000", "12.500", None], [999, 1000, 12500, None]),
        (["-1.000", "1.000.000", "7", ""], [-1000, 1000000, 7, None]),
        (["0.125", "1.000"], ["0.125", "1.000"]),
        (["1.5", "1.000"], ["1.5", "1.000"]),
        (["1.000", "x"], ["1.000", "x"]),
        (["7", "12"], ["7", "12"]),
    ],
)
def test_points_are_thousands_beside_a_column_with_decimal_commas(cells: list, read: list) -> None:
    # 999 and 1.000 were 999 and 1.
    column = pl.Series("n", cells, dtype=pl.String)
    beside = pl.Series("price", ["1,5"] * len(cells))
    assert parse_decimal_commas(pl.DataFrame([beside, column]))["n"].to_list() == read
    assert parse_decimal_commas(pl.DataFrame([column]))["n"].to_list() == cells
