"""Checks of constructor arguments."""

from __future__ import annotations

from cotrain._base import InvalidArgumentError


def check_between(
    owner: object, name: str, value: float, low: float, high: float = float("inf"), *, open_low: bool = False
) -> None:
    """Refuse a number outside of [low, high] (or of (low, high]).

    Raises:
        InvalidArgumentError: with the class, the argument, what came and what was expected.
    """
    if low < value <= high or (value == low and not open_low):
        return
    bound = f"above {low:g}" if open_low else f"at least {low:g}"
    limit = "" if high == float("inf") else f" and at most {high:g}"
    raise InvalidArgumentError(f"{type(owner).__name__}({name}=...) must be {bound}{limit}, got {value!r}.")
