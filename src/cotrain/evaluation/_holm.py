"""Several tests at once without more false alarms than one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cotrain._base import InvalidArgumentError


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order.

        p̃₍ᵢ₎ = max over j ≤ i of  min(1, (K - j + 1) p₍ⱼ₎),     p₍₁₎ ≤ … ≤ p₍ₖ₎

    With the corrected values compared with α, the chance of one or more false alarms among all K is at most
    α, however the tests depend on each other. Holm, "A Simple Sequentially Rejective Multiple Test
    Procedure", 1979, https://www.jstor.org/stable/4615733. A NaN stays one and does not count among the K.

    Args:
        p_values: K values in [0, 1], or NaN.

    Raises:
        InvalidArgumentError: a value is outside [0, 1].

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    for value in p_values:
        if not (math.isnan(value) or 0 <= value <= 1):
            raise InvalidArgumentError(f"holm: p-values are in [0, 1], got {value!r}.")
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[i]))
        corrected[i] = largest
    return corrected
