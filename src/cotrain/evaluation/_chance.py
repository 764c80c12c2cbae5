"""How far chance may move a difference: two sources of variance, each with degrees of freedom of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final


@final
@dataclass(frozen=True)
class Chance:
    """The variances of a mean difference over U units of rows and S seeds.

        half(p) = √(t²(k - 1) V_units + t²(ν) V_seeds),

    each part with the t quantile at p/2 of its own degrees of freedom (as in Graybill and Wang, "Confidence
    Intervals on Nonnegative Linear Combinations of Variances", 1980,
    https://doi.org/10.1080/01621459.1980.10477565). k is U, or fewer where few units make most of
    V_units, see `effective_units`.

    Where all units agree there is no spread to judge by. Then the sign test holds: a share q of units may
    differ the other way and not be among U of them with probability (1 - q)^U, so

        half(p) = max(half(p), 2 |d| (1 - (p/2)^(1/U))),

    by which no p-value is below 2^(1 - U).

    Args:
        of_units: V_units, from resampling.
        n_units: U ≥ 1.
        of_seeds: V_seeds, of their mean; 0 for one seed.
        df_of_seeds: ν > 0.
        effective: k in [2, U]; `None`: U.

    Example:
        >>> round(Chance(0.01, 101, 0.0, 1.0).half_width(0.05, 0.3), 4)
        0.1984
        >>> Chance(0.0, 10, 0.0, 1.0).p_value(0.5)
        0.001953125
    """

    of_units: float
    n_units: int
    of_seeds: float = 0.0
    df_of_seeds: float = 1.0
    effective: float | None = None

    def half_width(self, p: float, value: float) -> float:
        """Return half the width of the interval of level 1 - p around a value."""
        from scipy.special import stdtrit

        effective = self.n_units if self.effective is None else self.effective
        units = float(stdtrit(max(1.0, effective - 1), p / 2)) ** 2 * self.of_units
        seeds = float(stdtrit(self.df_of_seeds, p / 2)) ** 2 * self.of_seeds
        return max(math.sqrt(units + seeds), 2 * abs(value) * (1 - (p / 2) ** (1 / self.n_units)))

    def p_value(self, value: float) -> float:
        """Return the two-sided p-value of no difference, where the interval of level 1 - p touches 0."""
        if value == 0:
            return 1.0
        floor = 2.0 ** (1 - self.n_units)
        if self.of_units + self.of_seeds == 0:
            return floor
        low, high = -40.0, 0.0  # log10 of the p-value; the width falls as it grows
        for _ in range(50):
            middle = (low + high) / 2
            inside = self.half_width(10.0**middle, value) > abs(value)
            low, high = (middle, high) if inside else (low, middle)
        return min(1.0, max(10.0**high, floor))

    def with_seeds(self, factor: float) -> Chance:
        """Return the chance with `factor` times as many seeds."""
        return replace(self, of_seeds=self.of_seeds / factor, df_of_seeds=self.df_of_seeds * factor)

    def with_units(self, factor: float) -> Chance:
        """Return the chance with `factor` times as many units of rows."""
        n_units = max(1, round(self.n_units * factor))
        effective = None if self.effective is None else min(max(2.0, self.effective * factor), float(n_units))
        return replace(self, of_units=self.of_units / factor, n_units=n_units, effective=effective)
