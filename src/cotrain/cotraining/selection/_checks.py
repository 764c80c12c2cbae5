"""Ranges of arguments."""

from __future__ import annotations

from cotrain._base import InvalidArgumentError


def check_share(owner: object, *, zero: bool = False, **values: float) -> None:
    """Require shares in (0, 1], or [0, 1] with `zero`.

    Raises:
        InvalidArgumentError: a value is outside.
    """
    for name, value in values.items():
        if not (0 < value <= 1 or (zero and value == 0)):
            left = "[" if zero else "("
            raise InvalidArgumentError(
                f"{type(owner).__name__}({name}={value!r}): expected a number in {left}0, 1]."
            )
