"""What a comparison could have seen, and what it would take to see more."""

from __future__ import annotations

import math

from cotrain.evaluation._chance import Chance
from cotrain.evaluation._resampling_units import Unit

#: How often a difference must be found to count as one that could be seen.
POWER = 0.8
#: Differences that are offered for a larger comparison, as shares of the reference.
LADDER = (0.01, 0.02, 0.05, 0.1, 0.2)
MOST_SEEDS = 20
#: How many times the test rows one may be asked to find.
MOST_ROWS = 30.0


def smallest_seen(chance: Chance, alpha: float) -> float:
    """Return the smallest difference that would be found in 8 of 10 comparisons like this one.

        d = half(α) + half(0.4),

    half(0.4) being the 80 % quantile of the error on one side (Bloom, "Minimum Detectable Effects", 1995).

    Args:
        chance: of the difference.
        alpha: at which p-value it gets its word, after correction.

    Example:
        >>> round(smallest_seen(Chance(0.01, 1000), 0.05), 3)
        0.28
    """
    return chance.half_width(alpha, 0.0) + chance.half_width(2 * (1 - POWER), 0.0)


def what_it_would_take(
    chance: Chance, alpha: float, n_seeds: int, scale: float, *, least: float, unit: Unit = "rows"
) -> str:
    """Say what could not be seen, and how many seeds or rows would see more.

    The number of seeds is advice for a comparison to come, to be fixed before it begins: seeds that are added
    until a word appears would make words of chance.

    Args:
        chance: of the difference.
        alpha: at which p-value it gets its word, after correction.
        n_seeds: S.
        scale: value of the reference; differences are shown as shares of it.
        least: smallest difference of interest, a share.
        unit: what was resampled.

    Returns:
        A part of a sentence; "" where nothing is known.

    Example:
        >>> what_it_would_take(Chance(1e-4, 400, 4e-3, 3.0), 0.05, 3, 1.0, least=0.01)
        'differences below 26 % could not be seen; about 13 seeds would see 10 %'
    """
    if not scale or not math.isfinite(scale):
        return ""
    seen = smallest_seen(chance, alpha) / abs(scale)
    text = f"differences below {_percent(seen)} could not be seen"
    if seen <= least:
        return text
    for wanted in sorted({least, *(step for step in LADDER if step > least)}):
        seeds = _seeds_for(chance, alpha, n_seeds, wanted * abs(scale))
        if wanted < 0.9 * seen and seeds is not None:
            return f"{text}; about {seeds} seeds would see {_percent(wanted)}"
    return f"{text}{_more_units(chance, alpha, abs(scale), seen, unit=unit)}"


def _seeds_for(chance: Chance, alpha: float, n_seeds: int, wanted: float) -> int | None:
    """Return the number of seeds with which a difference would be seen; `None` if there are too many."""
    for more in range(n_seeds + 1, MOST_SEEDS + 1):
        if smallest_seen(chance.with_seeds(more / n_seeds), alpha) <= wanted:
            return more
    return None


def _more_units(chance: Chance, alpha: float, scale: float, seen: float, *, unit: Unit) -> str:
    """Say how many test rows or groups would see half as much, where no number of seeds sees much more."""
    wanted = next((step for step in reversed(LADDER) if step <= 0.6 * seen), None)
    factor, what = 1.0, "test rows" if unit == "rows" else f"{unit} of test rows"
    while wanted is not None and factor <= MOST_ROWS:
        factor *= 1.25
        if smallest_seen(chance.with_units(factor), alpha) <= wanted * scale:
            times = f"{factor:.0f}" if factor >= 2 else f"{factor:.1f}"
            return f"; more seeds would hardly help, {times} times the {what} would see {_percent(wanted)}"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
