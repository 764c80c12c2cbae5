"""One wording for arguments that are out of range: what came, and what was expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cotrain._base._errors import InvalidArgumentError, did_you_mean


def expected_number(
    value: float, low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False
) -> str:
    """Return "" for a number in [low, high], or what was expected; NaN, true and false are no numbers.

    Args:
        value: what came.
        low: least value.
        high: largest value; infinite: there is none.
        open_low: leave `low` itself out.
        open_high: leave `high` itself out.

    Example:
        >>> expected_number(0, 1), expected_number(2.0, 0, 1, open_low=True), expected_number(0.5, 0, 1)
        ('expected at least 1', 'expected a number in (0, 1]', '')
    """
    inside = low < value < high or (value == low and not open_low) or (value == high and not open_high)
    if inside and not isinstance(value, bool):
        return ""
    if high < math.inf:
        return f"expected a number in {'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    if not open_low:
        return f"expected at least {low:g}"
    return "expected a positive number" if low == 0 else f"expected a number above {low:g}"


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
        expected = expected_number(value, low, high, open_low=open_low, open_high=open_high)
        if expected:
            raise InvalidArgumentError(f"{_named(owner)}({name}={value!r}): {expected}.")


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
            if expected := expected_number(value, low):
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


def _named(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__
