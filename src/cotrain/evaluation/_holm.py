"""Several tests at once without more false alarms than one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cotrain._base import InvalidArgumentError


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """Return p-values corrected for their number, in the same order.

        p̃₍ᵢ₎ = max over j ≤ i of  min(1, p₍ⱼ₎ / w₍ⱼ₎ Σ w₍ₗ₎ over l ≥ j),     p₍₁₎ / w₍₁₎ ≤ … ≤ p₍ₖ₎ / w₍ₖ₎

    which without weights is (K - j + 1) p₍ⱼ₎. With the corrected values compared with α, the chance of one or
    more false alarms among all K is at most α, however the tests depend on each other. A test of larger
    weight may spend more of it. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979,
    https://www.jstor.org/stable/4615733, which has the weights too. A NaN stays one and does not count.

    Args:
        p_values: K values in [0, 1], or NaN.
        weights: K positive numbers that were chosen before the p-values were seen; default: all 1.

    Raises:
        InvalidArgumentError: a value is outside [0, 1], or a weight is not positive.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
        >>> holm([0.0625, 0.25], [3, 1])
        [0.08333333333333333, 0.25]
    """
    for value in p_values:
        if not (math.isnan(value) or 0 <= value <= 1):
            raise InvalidArgumentError(f"holm: p-values are in [0, 1], got {value!r}.")
    weights = [1.0] * len(p_values) if weights is None else list(weights)
    if len(weights) != len(p_values) or not all(0 < weight < math.inf for weight in weights):
        raise InvalidArgumentError(
            f"holm: expected a positive weight for each of the {len(p_values)} p-values, got {weights!r}."
        )
    known = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    order = sorted(known, key=lambda i: p_values[i] / weights[i])
    corrected = [math.nan] * len(p_values)
    largest, left = 0.0, math.fsum(weights[i] for i in known)
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, left / weights[i] * p_values[i]))
        corrected[i] = largest
        left = math.fsum(weights[j] for j in order[place + 1 :])
    return corrected
