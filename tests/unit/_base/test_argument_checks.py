import ast
import math
import re
from pathlib import Path

import pytest

import cotrain
from cotrain._base import InvalidArgumentError, check_choice, check_entries, check_number, expected_number


class Owner:
    pass


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (0, {"low": 1}, "expected at least 1"),
        (1, {"low": 1}, ""),
        (1e9, {"low": 1}, ""),
        (math.inf, {"low": 1}, ""),
        (math.nan, {"low": 1}, "expected at least 1"),
        (True, {"low": 0}, "expected at least 0"),
        (0, {"low": 0, "open_low": True}, "expected a positive number"),
        (1, {"low": 1, "open_low": True}, "expected a number above 1"),
        (1.0, {"low": 0, "high": 1}, ""),
        (1.0, {"low": 0, "high": 1, "open_high": True}, "expected a number in [0, 1)"),
        (0.0, {"low": 0, "high": 1, "open_low": True}, "expected a number in (0, 1]"),
        (math.nan, {"low": 0, "high": 1}, "expected a number in [0, 1]"),
        (-0.1, {"low": 0, "high": 0.5}, "expected a number in [0, 0.5]"),
    ],
)
def test_what_is_expected_is_said_of_every_kind_of_range(value, bounds, expected):
    assert expected_number(value, **bounds) == expected


def test_the_first_argument_out_of_range_is_named_with_its_owner():
    check_number(Owner(), 1, one=1, two=2)
    with pytest.raises(InvalidArgumentError, match=r"^Owner\(two=0\): expected at least 1\.$"):
        check_number(Owner(), 1, one=1, two=0, three=-1)
    with pytest.raises(InvalidArgumentError, match=r"^Balance\(every=0\): expected at least 1\.$"):
        check_number("Balance", 1, every=0)


def test_an_entry_is_named_by_its_place_or_its_key():
    check_entries(Owner(), 1, widths=(1, 2), experts={"a": 1})
    with pytest.raises(InvalidArgumentError, match=r"^Owner\(widths\[1\]=0\): expected at least 1\.$"):
        check_entries(Owner(), 1, widths=(1, 0))
    with pytest.raises(InvalidArgumentError, match=r"^Owner\(experts\['b'\]=0\): expected at least 1\.$"):
        check_entries(Owner(), 1, experts={"a": 1, "b": 0})


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("maen", "did you mean 'mean'?"),
        ("x", "expected one of 'mean', 'first', or None."),
        (0, "expected one"),
    ],
)
def test_what_is_none_of_the_choices_is_named_with_its_owner(value, hint):
    check_choice("Net", ("mean", "first", None), pooling="first", ending=None)
    with pytest.raises(InvalidArgumentError, match=re.escape(f"Net(pooling={value!r}): {hint}")):
        check_choice("Net", ("mean", "first", None), pooling=value)
    with pytest.raises(InvalidArgumentError, match=re.escape(f"Net('y', pooling={value!r}): {hint}")):
        check_choice("Net('y'", ("mean", "first", None), pooling=value)


def test_no_argument_is_refused_in_other_words():
    """`Owner(argument=value): expected …` everywhere, not `Owner(argument=...) must be …`."""
    others = ("must be at least", "must be above", "must be in [", "=...) must")
    found = []
    for path in sorted(Path(cotrain.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None and "keras" not in path.parts:
                text = ast.unparse(node.exc)
                if any(words in text for words in others):
                    found.append(f"{path.name}:{node.lineno}: {text[:90]}")
    assert not found
