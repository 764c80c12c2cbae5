"""Ranges of arguments."""

from __future__ import annotations

import math

from cotrain._base import InvalidArgumentError


def check_online(
    owner: object, *, gaussian: float, swap: float, average: float, true_share: float, number_weight: float
) -> None:
    """Require what online strategies have in common to be in range.

    Raises:
        InvalidArgumentError: a value is outside.
    """
    ranges = [
        ("gaussian", gaussian, 0 <= gaussian < math.inf, "a finite number of at least 0"),
        ("swap", swap, 0 <= swap < 1, "a share in [0, 1)"),
        ("average", average, 0 < average < 1, "a decay in (0, 1)"),
        ("true_share", true_share, 0 < true_share <= 0.5, "a share in (0, 0.5]"),
        ("number_weight", number_weight, 0 <= number_weight <= 1, "a number in [0, 1]"),
    ]
    for name, value, right, expected in ranges:
        if not right:
            raise InvalidArgumentError(f"{type(owner).__name__}({name}={value!r}): expected {expected}.")
