import ast
import dataclasses
import inspect
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import cotrain
from cotrain import balancing, cotraining, gradients, networks, training
from cotrain._base import (
    InvalidArgumentError,
    check_choice,
    check_entries,
    check_number,
    check_whole,
    expected_number,
)


class Owner:
    pass


class Settings:
    def __init__(self, rounds: int = 1, epochs: int | Literal["auto"] | None = 2, rate: float = 0.5) -> None:
        self.rounds, self.epochs, self.rate = rounds, epochs, rate


class Layers:
    def __init__(self, widths: Sequence[int]) -> None:
        check_entries(self, 1, widths=widths)


class InheritedSettings(Settings):
    def __init__(self) -> None:
        super().__init__()


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
        ("2", {"low": 1}, "expected at least 1"),
        (None, {"low": 0, "high": 1}, "expected a number in [0, 1]"),
        (2, {"low": 1, "whole": True}, ""),
        (np.int64(2), {"low": 1, "whole": True}, ""),
        (0, {"low": 1, "whole": True}, "expected at least 1"),
        (2.5, {"low": 1, "whole": True}, "expected a whole number of at least 1"),
        (2.0, {"low": 1, "high": 5, "whole": True}, "expected a whole number in [1, 5]"),
        ("2", {"low": 0, "open_low": True, "whole": True}, "expected a positive whole number"),
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


@pytest.mark.parametrize("owner", [Settings(), InheritedSettings()])
def test_what_is_declared_as_int_has_to_be_whole(owner):
    check_number(owner, 1, rounds=np.int64(3), epochs=3)
    check_number(owner, 0, rate=2.5)
    for name in ("rounds", "epochs"):
        expected = rf"Settings\({name}=2\.5\): expected a whole number of at least 1\.$"
        with pytest.raises(InvalidArgumentError, match=expected):
            check_number(owner, 1, **{name: 2.5})


def test_a_section_names_what_is_not_whole():
    for right in (Settings(), Settings(epochs="auto"), Settings(epochs=None), Settings(rate=0.25)):
        check_whole(right, "training")
    with pytest.raises(InvalidArgumentError, match=r"^training\.rounds is 2\.5: expected a whole number\.$"):
        check_whole(Settings(rounds=2.5), "training")
    for wrong in (True, "3", 3.0):
        with pytest.raises(
            InvalidArgumentError, match=r"epochs is .*: expected a whole number, auto or null"
        ):
            check_whole(Settings(epochs=wrong), "training")


def countable(room):
    """Yield what can be made without arguments, and its arguments that are numbers of something."""
    for cls in (getattr(room, name) for name in room.__all__):
        # A dataclass is made by the library, and an estimator looks at its arguments in `fit`.
        if not inspect.isclass(cls) or dataclasses.is_dataclass(cls) or issubclass(cls, BaseEstimator):
            continue
        arguments = inspect.signature(cls).parameters.values()
        for one in arguments:
            alone = all(other.default is not other.empty for other in arguments if other is not one)
            if alone and re.match("int( |$)", str(one.annotation)) and one.name != "seed":
                yield cls, one.name


def test_no_number_of_things_may_be_a_fraction_or_a_text():
    """`every=2.5` was due at every fifth step; `experts=2.5` and `window="2"` ended in Python's own error."""
    looked_at = 0
    for room in (balancing, gradients, networks, training, cotraining):
        for cls, name in countable(room):
            for value in (2.5, "2"):
                looked_at += 1
                with pytest.raises(InvalidArgumentError, match=f"{name}.*: expected"):
                    cls(**{name: value})
    assert looked_at > 150


def test_an_entry_is_named_by_its_place_or_its_key():
    check_entries(Owner(), 1, widths=(1, 2), experts={"a": 1})
    with pytest.raises(InvalidArgumentError, match=r"^Owner\(widths\[1\]=0\): expected at least 1\.$"):
        check_entries(Owner(), 1, widths=(1, 0))
    with pytest.raises(InvalidArgumentError, match=r"^Owner\(experts\['b'\]=0\): expected at least 1\.$"):
        check_entries(Owner(), 1, experts={"a": 1, "b": 0})
    with pytest.raises(InvalidArgumentError, match=r"^Layers\(widths\[1\]=2\.5\): expected a whole number"):
        Layers([1, 2.5])


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
