from datetime import date

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.tasks._row_functions import FUNCTIONS, calculate, compare, text_of


def test_one_value_and_a_column_go_together_in_any_order() -> None:
    column = pl.Series("a", [1, 2, None])
    assert compare("<", column, 2).to_list() == [True, False, None]
    assert compare(">", 2, column).to_list() == [True, False, None]
    assert compare("=", 2, 2.0) is True
    assert compare("=", None, column) is None
    assert calculate("-", 3, column).to_list() == [2, 1, None]
    assert calculate("+", 1, 2) == 3
    assert calculate("+", 1, None) is None
    days = pl.Series("d", [date(2020, 1, 1), None])
    assert compare("=", "2020-01-01", days).to_list() == [True, None]


def test_every_function_looks_at_one_row_only() -> None:
    text, number, day = (
        pl.Series(["a b", None, "Ä"]),
        pl.Series([1.25, None, -2.0]),
        pl.Series([date(2020, 5, 1)] * 3),
    )
    arguments = {
        "abs": (number,),
        "coalesce": (number, 0.0),
        "contains": (text, "a"),
        "ends_with": (text, "b"),
        "length": (text,),
        "lower": (text,),
        "month": (day,),
        "round": (number, 1),
        "starts_with": (text, "a"),
        "trim": (text,),
        "upper": (text,),
        "year": (day,),
    }
    assert set(arguments) == set(FUNCTIONS)
    for name, given in arguments.items():
        whole = FUNCTIONS[name].call(*given).to_list()
        rows = [
            FUNCTIONS[name].call(*(x[i : i + 1] if isinstance(x, pl.Series) else x for x in given))[0]
            for i in range(3)
        ]
        assert whole == rows, name


def test_refuses_what_is_of_another_kind() -> None:
    for call in (
        lambda: text_of(pl.Series("a", [1])),
        lambda: calculate("+", pl.Series("a", ["x"]), 1),
        lambda: compare("=", pl.Series("a", ["x"]), 1),
        lambda: FUNCTIONS["round"].call(pl.Series("a", [1.0]), pl.Series([1])),
        lambda: FUNCTIONS["contains"].call(pl.Series("a", ["x"]), pl.Series(["x"])),
    ):
        with pytest.raises(DataError):
            call()
