"""How far from what came true the probabilities of a perfectly calibrated model are, by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Standard deviations above the mean of chance within which an error may be chance alone: it is beyond them
#: in one of 20 cases of one bin, and in one of 40 of many.
DEVIATIONS = 2.0


def error_by_chance(
    confidence: Sequence[float], n_labels: Sequence[float], weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """Return the calibration error of a perfectly calibrated model, and the most that chance explains.

        E = Σ_b w_b E|X_b / n_b - p_b| / Σ_b w_b,    X_b ~ Binomial(n_b, p_b),

    where the mean distance is known (de Moivre 1730): with m = ⌊n p⌋ + 1

        E|X - n p| = 2 m C(n, m) p^m (1 - p)^(n - m + 1).

    The labels of a bin count as if all had its mean probability, which takes E up by at most 3 % in bins of a
    tenth. The most is two standard deviations above E.

    Source: Diaconis and Zabell, "Closed Form Summation for Classical Distributions", 1991,
    https://doi.org/10.1214/ss/1177011699.

    Args:
        confidence: p_b in [0, 1], the mean probability of each bin.
        n_labels: n_b, its labels; where they have weights, (Σw)² / Σw², as many as they are worth.
        weights: w_b, the sums of the weights; default n_b.

    Example:
        >>> [round(part, 3) for part in error_by_chance([0.75, 0.95], [100, 100])]
        [0.026, 0.055]
    """
    total = sum(weights if weights is not None else n_labels)
    if not total > 0:
        return math.nan, math.nan
    mean = variance = 0.0
    for i, (p, n_given) in enumerate(zip(confidence, n_labels, strict=True)):
        n = max(1, round(n_given))
        p = min(max(p, 0.0), 1.0)
        share = (n_given if weights is None else weights[i]) / total
        distance = _mean_distance(n, p) / n
        mean += share * distance
        variance += share**2 * max(0.0, p * (1 - p) / n - distance**2)
    return mean, mean + DEVIATIONS * math.sqrt(variance)


def _mean_distance(n: int, p: float) -> float:
    """Return E|X - n p| of X ~ Binomial(n, p)."""
    if p <= 0 or p >= 1:
        return 0.0
    m = min(math.floor(n * p) + 1, n)
    ways = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
    return 2 * m * math.exp(ways + m * math.log(p) + (n - m + 1) * math.log1p(-p))
