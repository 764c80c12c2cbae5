"""One wording for arguments that are out of range: what came, and what was expected."""

from __future__ import annotations

import functools
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cotrain._base._errors import InvalidArgumentError, did_you_mean
from cotrain._base._parameters import constructor_parameters


def expected_number(
    value: float,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
    whole: bool = False,
) -> str:
    """Return "" for a number in [low, high], or what was expected; NaN, true, false and texts are no numbers.

    Args:
        value: what came.
        low: least value.
        high: largest value; infinite: there is none.
        open_low: leave `low` itself out.
        open_high: leave `high` itself out.
        whole: take whole numbers only; 2.0 is none.

    Example:
        >>> expected_number(0, 1), expected_number(2.0, 0, 1, open_low=True), expected_number(0.5, 0, 1)
        ('expected at least 1', 'expected a number in (0, 1]', '')
    """
    broken = whole and not isinstance(value, numbers.Integral)
    usable = isinstance(value, numbers.Real) and not isinstance(value, bool) and not broken
    if usable and (
        low < value < high or (value == low and not open_low) or (value == high and not open_high)
    ):
        return ""
    number = "whole number" if broken else "number"
    if high < math.inf:
        return (
            f"expected a {number} in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        )
    if not open_low:
        return f"expected {'a whole number of ' if broken else ''}at least {low:g}"
    return f"expected a positive {number}" if low == 0 else f"expected a {number} above {low:g}"


def check_number(
    owner: object,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
    **values: float,
) -> None:
    """Refuse arguments outside of a range; see `expected_number`.

    An argument that the owner's constructor declares as `int` has to be a whole number: `every=2.5` would
    be due at every fifth step, and as a number of layers it ends where they are made.

    Args:
        owner: whose arguments they are; of an object its class is named.
        low: least value.
        high: largest value.
        open_low: leave `low` itself out.
        open_high: leave `high` itself out.
        **values: argument -> what came.

    Raises:
        InvalidArgumentError: with the owner, the argument, what came and what was expected.

    Example:
        >>> check_number("Smoothed", 0, 1, open_high=True, beta=1.0)
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: Smoothed(beta=1.0): expected a number in [0, 1).
    """
    for name, value in values.items():
        whole = _is_whole(owner, name)
        expected = expected_number(value, low, high, open_low=open_low, open_high=open_high, whole=whole)
        if expected:
            raise InvalidArgumentError(f"{_named(owner)}({name}={value!r}): {expected}.")


def check_whole(owner: object, section: str) -> None:
    """Refuse fractions and texts in arguments that are declared as `int`, of a section of a configuration.

    Args:
        owner: its constructor's arguments stand under their names; `None` and words pass where the
            declaration names them.
        section: its name in YAML.

    Raises:
        InvalidArgumentError: with the argument, what came and what was expected.

    Example:
        >>> class Training:
        ...     def __init__(self, epochs: int = 2):
        ...         self.epochs = epochs
        >>> check_whole(Training(2.5), "training")
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: training.epochs is 2.5: expected a whole number.
    """
    for name in constructor_parameters(type(owner)):
        if not _is_whole(owner, name):
            continue
        value = getattr(owner, name)
        declared = _declared(type(owner), name)
        others = [*re.findall(r"""["'](\w+)["']""", declared), *(["null"] if "None" in declared else [])]
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if whole or ("null" if value is None else value) in others:
            continue
        expected = ", ".join(["a whole number", *others[:-1]]) + (f" or {others[-1]}" if others else "")
        raise InvalidArgumentError(f"{section}.{name} is {value!r}: expected {expected}.")


def check_entries(owner: object, low: float, **values: Mapping[Any, float] | Sequence[float]) -> None:
    """Refuse a list or mapping with an entry below `low`, which is named by its place or key.

    Args:
        owner: whose arguments they are; of an object its class is named.
        low: least value.
        **values: argument -> what came.

    Raises:
        InvalidArgumentError: with the owner, the entry, what came and what was expected.

    Example:
        >>> check_entries("MLP", 1, hidden=(8, 0))
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: MLP(hidden[1]=0): expected at least 1.
    """
    for name, entries in values.items():
        for key, value in entries.items() if isinstance(entries, Mapping) else enumerate(entries):
            if expected := expected_number(value, low, whole=_is_whole(owner, name)):
                raise InvalidArgumentError(f"{_named(owner)}({name}[{key!r}]={value!r}): {expected}.")


def check_choice(owner: object, choices: Sequence[str | None], **values: object) -> None:
    """Refuse arguments that are none of the choices.

    Args:
        owner: whose arguments they are; of an object its class is named, and a text that has begun its
            arguments, such as "Regression('price'", goes on.
        choices: what there is to choose from.
        **values: argument -> what came.

    Raises:
        InvalidArgumentError: with the owner, the argument, what came and the nearest choice, or all of them.

    Example:
        >>> check_choice("UnitNorm", ("mean", "max", "min"), length="median")
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: UnitNorm(length='median'): did you mean 'mean'?
        >>> check_choice("Balance", (None, "auto", "exact"), way=2)
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: Balance(way=2): expected one of 'auto', 'exact', or None.
    """
    for name, value in values.items():
        if not any(value is one or (isinstance(value, str) and value == one) for one in choices):
            hint = did_you_mean(str(value), [one for one in choices if one is not None])
            if None in choices and hint.endswith("."):
                hint = f"{hint[:-1]}, or None."
            named = _named(owner)
            raise InvalidArgumentError(f"{named}{', ' if '(' in named else '('}{name}={value!r}): {hint}")


@functools.lru_cache(maxsize=1024)
def _declared(cls: type, name: str) -> str:
    """Return how the constructor of a class, or of a base that has it, declares an argument."""
    for base in cls.__mro__:
        declared = getattr(base.__dict__.get("__init__"), "__annotations__", {}).get(name)
        if declared is not None:
            return declared.__name__ if isinstance(declared, type) else str(declared)
    return ""


def _is_whole(owner: object, name: str) -> bool:
    words = set() if isinstance(owner, str) else set(re.findall(r"\w+", _declared(type(owner), name)))
    return "int" in words and "float" not in words


def _named(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__
