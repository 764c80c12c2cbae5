"""The grammar against a slow literal reference: Python's own operators, row by row, with three values."""

import contextlib
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import ConfigError, DataError, InvalidArgumentError
from cotrain.learner import Configuration
from cotrain.tasks import Binary
from cotrain.tasks._condition import Condition, rows_where

FRAME = pl.DataFrame(
    {
        "n": [1, 2, None, 4],
        "x": [0.5, -1.0, 2.0, None],
        "word": ["DE", "fr", None, "it's"],
        "flag": [True, False, None, True],
        "day": [date(2020, 1, 1), date(2021, 6, 1), None, date(2019, 1, 1)],
        "at": [datetime(2020, 1, 1, 12), None, datetime(2021, 1, 1), datetime(2019, 1, 1)],
        "two words": [1, 2, 3, 4],
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("n == 1", [0]),
        ("n = 1 or n = 4", [0, 3]),
        ("n <> 1", [1, 3]),
        ("not n = 1", [1, 3]),
        ("not not n = 1", [0]),
        ("n > 1 and x < 0", [1]),
        ("n is null", [2]),
        ("n IS NOT NULL AND x IS NOT NULL", [0, 1]),
        ("word in ('DE', 'fr')", [0, 1]),
        ("word not in ('DE', 'it''s')", [1]),
        ("n in (1, null)", [0]),
        ("n not in (1, null)", []),
        ("n between 2 and 4", [1, 3]),
        ("n not between 2 and 4", [0]),
        ("x + n * 2 = 2.5", [0]),
        ("(x + n) * 2 = 3", [0]),
        ("-x > 0", [1]),
        ("- - n = 2", [1]),
        ("n / 2 = 0.5", [0]),
        ("n % 2 = 0", [1, 3]),
        ("n / 0 > 1 or n = 1", [0]),
        ("lower(word) = 'de'", [0]),
        ("upper(word) like 'F_'", [1]),
        ("word like '%''s'", [3]),
        ("word not like 'D%'", [1, 3]),
        ("starts_with(word, 'it') or ends_with(word, 'r')", [1, 3]),
        ("contains(word, '.')", []),
        ("length(word) = 4", [3]),
        ("abs(x) = 1", [1]),
        ("round(x) = 0 or round(x, 1) = 2", [0, 2]),
        ("coalesce(n, 9) = 9", [2]),
        ("flag", [0, 3]),
        ("not flag", [1]),
        ("flag = true", [0, 3]),
        ("flag = 1", [0, 3]),
        ("flag in (0)", [1]),
        ("day >= '2020-01-01'", [0, 1]),
        ("at < '2020-01-01 13:00:00'", [0, 3]),
        ("at > day", [0]),
        ("year(day) = 2020 and month(at) = 1", [0]),
        ('"two words" >= 3', [2, 3]),
        ("`two words` >= 3", [2, 3]),
        ("true", [0, 1, 2, 3]),
        ("null", []),
        ("not null", []),
        ("1 = 1", [0, 1, 2, 3]),
        ("1 = 1 and not (2 < 1)", [0, 1, 2, 3]),
        ("n = 1 OR null", [0]),
        ("n==1.0", [0]),
    ],
)
def test_means_what_sql_means(condition: str, rows: list[int]) -> None:
    holds = Condition(condition).rows(FRAME)
    assert [i for i, true in enumerate(holds.to_list()) if true] == rows
    # Row-wise: what holds of a row does so whatever the other rows are.
    for i in range(FRAME.height):
        assert Condition(condition).rows(FRAME[i : i + 1]).to_list() == [i in rows]
    assert Condition(condition).rows(FRAME.clear()).to_list() == []


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("sum(x) > 1", "at character 1: 'sum' is no function of one row"),
        ("x > avg(x)", "at character 5: 'avg' is no function of one row"),
        ("x > max(x) over ()", "at character 5: 'max'"),
        ("count(*) > 1", "at character 1: 'count'"),
        ("x in (select 1)", "at character 7: there is no SELECT"),
        ("x > (select max(x) from t)", "at character 6: there is no SELECT"),
        ("exists (select 1)", "at character 1: 'exists'"),
        ("read_csv('/etc/passwd')", "at character 1: 'read_csv' is no function"),
        ("x > (select * from read_csv('/etc/passwd'))", "at character 6"),
        ("x = 1; drop table t", "at character 6: cannot read ';"),
        ("x = 1 -- comment", "at character 7: cannot read '--"),
        ("x ==", "at character 5: expected a column.*got the end"),
        ("(x = 1", "at character 7: expected \\), got the end"),
        ("x = 'open", "at character 5: cannot read"),
        ("x = 1 y", "at character 7: the condition should end here, got 'y'"),
        ("x not 1", "NOT goes with IN"),
        ("x like 1", "LIKE needs a pattern"),
        ("abs(x, 1) = 1", "another number of arguments than 2"),
        ("x is 1", "expected NULL, got '1'"),
        ("", "at character 1: expected a column.*got the end"),
        ("(" * 60 + "x" + ")" * 60, "more than 50 levels"),
        ("x = $1", "cannot read '\\$1'"),
        ("case when x > 1 then 1 end = 1", "at character 6"),
        ("x::int = 1", "cannot read '::int"),
        ("random() > 0.5", "'random' is no function"),
        ("x = 'a' collate nocase", "should end here"),
    ],
)
def test_everything_else_is_refused_with_its_position(condition: str, message: str) -> None:
    for make in (Condition, lambda text: Binary("y", when=text)):
        with pytest.raises(InvalidArgumentError, match=message) as caught:
            make(condition)
        assert len(str(caught.value)) <= 400
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("m = 1", "there is no column 'm'; expected one of 'n'"),
        ("word = 1", "column 'word' is text and 1 is not"),
        ("n = 'a'", "'a' is text and column 'n' is not"),
        ("n", "no true or false"),
        ("n and flag", "AND, OR and NOT join conditions"),
        ("word + 1 = 2", "column 'word' is no number"),
        ("lower(n) = 'a'", "column 'n' is no text"),
        ("day > 'soon'", "'soon' is no date"),
        ("year(n) = 1", "column 'n' is no date"),
    ],
)
def test_what_a_table_cannot_answer_is_a_sentence(condition: str, message: str) -> None:
    with pytest.raises(DataError, match=f"Task 'y': cannot evaluate when: .*{message}"):
        rows_where(FRAME, condition, "y")


def test_a_configuration_with_a_bad_condition_is_refused_when_it_is_read() -> None:
    task = {"kind": "Binary", "name": "y", "when": "sum(x) > 1"}
    with pytest.raises(ConfigError, match=r"at character 1: 'sum' is no function of one row"):
        Configuration.from_config({"data": "t.csv", "tasks": [task]})


NUMBERS = st.none() | st.integers(-3, 3)
ATOMS = st.tuples(
    st.sampled_from("ab"), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.integers(-3, 3)
)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.sampled_from(["and", "or"]), inner, inner)
        | st.tuples(st.just("null"), st.sampled_from("ab"))
    ),
    max_leaves=8,
)
PYTHON = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def spelled(tree: tuple) -> str:
    match tree:
        case ("not", inner):
            return f"not ({spelled(inner)})"
        case ("and" | "or" as word, left, right):
            return f"({spelled(left)}) {word} ({spelled(right)})"
        case ("null", name):
            return f"{name} is null"
        case (name, sign, number):
            return f"{name} {sign} {number}"
    raise AssertionError(tree)


def value(tree: tuple, row: dict) -> bool | None:
    match tree:
        case ("not", inner):
            found = value(inner, row)
            return None if found is None else not found
        case ("and" | "or" as word, left, right):
            both = {value(left, row), value(right, row)}
            decides = word == "or"
            return decides if decides in both else None if None in both else not decides
        case ("null", name):
            return row[name] is None
        case (name, sign, number):
            return None if row[name] is None else PYTHON[sign](row[name], number)
    raise AssertionError(tree)


@settings(max_examples=200, deadline=None)
@given(tree=TREES, rows=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5))
def test_equals_three_valued_logic_row_by_row(tree: tuple, rows: list[tuple]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    expected = [bool(value(tree, {"a": a, "b": b})) for a, b in rows]
    assert Condition(spelled(tree)).rows(frame).to_list() == expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab ()'\"`=<>!+-*/%,.0123notandri\n;", max_size=30))
def test_any_text_is_a_condition_or_a_sentence(text: str) -> None:
    with contextlib.suppress(InvalidArgumentError, DataError):
        holds = Condition(text).rows(pl.DataFrame({"a": [1, None], "b": ["x", "y"]}))
        assert len(holds) == 2
        assert not holds.null_count()
