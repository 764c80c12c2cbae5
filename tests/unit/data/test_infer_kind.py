from datetime import date

import polars as pl
import pytest

from cotrain.data import infer_kind

NAMES = ["Ann", "Bob", "Cy", "Di", "Eve"]


@pytest.mark.parametrize(
    ("name", "values", "kind", "why"),
    [
        ("age", [31.5, None, 28.0, 40.0], "Number", "numbers, 3 different"),
        ("children", [0, 1, 2, 3] * 20, "Number", "coded one by one"),
        ("price", ["1.5", "2", "", None], "Number", "text that spells numbers"),
        ("zip", ["01234", "99999", "04109"] * 9, "Category", "leading zeros"),
        ("member", [True, False, None], "Boolean", "true or false"),
        ("city", ["Rome", "Oslo", None] * 20, "Category", "2 different texts"),
        ("genre", ["Drama", "Drama, War", "War"] * 20, "Tags", "','"),
        ("genre", ["Drama", "Drama|War", "War"] * 20, "Tags", "'|'"),
        ("genre", [["Drama"], ["War", "Drama"]], "Tags", "lists"),
        ("day", [date(2020, 1, 1), None, date(2021, 2, 3)], "Date", "type Date"),
        ("day", ["2020-01-31", "2021-02-03", ""], "Date", "type Date"),
        ("day", ["31.01.2020", "03.02.2021", ""], "Date", "%d.%m.%Y"),
        ("flag", [0, 1, None] * 20, "Boolean", "0 or 1"),
        ("title", [f"The {i} of the {i * 7} nights" for i in range(100)], "Text", "100 different texts"),
        ("nick", [f"{name}{other}" for name in NAMES for other in NAMES], "Text", "25 different texts"),
        ("user_id", [i % 30 for i in range(100)], "Category", "named like an identifier"),
        ("name", [f"{a}, {b}" for a in NAMES for b in NAMES] * 9, "Category", "25 different"),
    ],
)
def test_recognises_a_kind(name: str, values: list, kind: str, why: str) -> None:
    guess = infer_kind(pl.Series(name, values))
    assert type(guess.column).__name__ == kind, guess
    assert why in guess.why


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("id", list(range(5, 505, 5)), "an identifier"),
        ("userId", list(range(5, 505, 5)), "an identifier"),
        ("row", list(range(100)), "a row number"),
        ("code", [f"tt{i:07d}" for i in range(100)], "an identifier: codes such as 'tt0000000'"),
        ("same", ["x"] * 10, "constant: every value is 'x'"),
        ("same", [1.5] * 10, "constant: every value is 1.5"),
        ("empty", [None, None], "all values are missing"),
        ("empty", ["", " "], "all values are missing"),
        ("empty", [float("nan"), None], "all values are missing"),
        ("struct", [{"a": 1}, {"a": 2}], "Struct"),
    ],
)
def test_leaves_out_what_says_nothing(name: str, values: list, why: str) -> None:
    guess = infer_kind(pl.Series(name, values))
    assert guess.column is None
    assert why in guess.why


def test_one_value_beside_missing_ones_says_something() -> None:
    assert infer_kind(pl.Series("flag", ["x", None, "x", None])).column is not None


def test_a_number_in_a_name_is_no_identifier() -> None:
    assert infer_kind(pl.Series("paid", list(range(0, 300, 3)))).column is not None
    assert infer_kind(pl.Series("humidity", list(range(0, 300, 3)))).column is not None
