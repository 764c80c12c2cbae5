"""On which groups of rows a task is worse than on the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.evaluation._records import TaskRecords

#: Smaller groups are counted together as "(other)": their figures would be chance.
MOST_GROUPS = 12
OTHER, MISSING = "(other)", "(missing)"
RESAMPLES = 50


def errors_by_group(
    records: TaskRecords,
    groups: Sequence[str | None],
    *,
    level: float = 0.99,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return a task's first metric on every group of rows, beside that on all other rows.

    A group is called "worse" or "better" if a bootstrap interval of its difference to the other rows,
    d ± t√V with V from 50 resamples of both and t of 49 degrees of freedom, leaves out 0. Its level is that
    of all G groups together (Bonferroni: each has 1 - (1 - level)/G), so that without any true difference
    one or more such words appear in at most 1 % of cases.

    Args:
        records: of N rows, of the task's metrics.
        groups: N names; `None` is a group of its own. The 12 largest are kept, the others are "(other)".
        level: of all intervals together, in (0, 1).
        seed: of the resampling.

    Returns:
        A record per group, the largest first: `group`, `metric`, `direction`, `n_labelled`, `value`, `rest`
        (the value on the other rows), `interval` of value - rest (`None` where it is undefined) and `word`
        ("worse", "better" or "").

    Raises:
        InvalidArgumentError: there are not as many groups as rows.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task = Regression("y")
        >>> y = np.arange(80.0)[:, None]
        >>> frame = pl.DataFrame({"y": y[:, 0]})
        >>> task.fit(frame)
        >>> far = np.arange(80) % 4 == 0
        >>> scores = y + np.where(far, 5.0, 1.0)[:, None] * np.cos(np.arange(80.0))[:, None]
        >>> records = TaskRecords(task)
        >>> records.add_scores(scores, *task.encode(frame))
        >>> found = errors_by_group(records, np.where(far, "far", "near").tolist())
        >>> [(record["group"], record["word"]) for record in found]
        [('near', 'better'), ('far', 'worse')]
    """
    n_rows = len(records.labelled)
    if len(groups) != n_rows:
        raise InvalidArgumentError(f"errors_by_group: got {len(groups)} groups for {n_rows} rows.")
    labelled = np.flatnonzero(records.labelled)
    names = _named([groups[row] for row in labelled])
    present, counts = np.unique(names, return_counts=True)
    if len(present) < 2:
        return []
    metric = records.metrics[0]
    of_rows, weights = records.of(metric), records.weights
    rng = numpy_generator(seed, "errors_by_group", records.task.name)
    t = _quantile(1 - (1 - level) / (2 * len(present)))
    found = []
    for name in present[np.argsort(-counts, kind="stable")]:
        here, rest = labelled[names == name], labelled[names != name]

        def figure(rows: np.ndarray) -> float:
            return metric.value_of(of_rows[rows], None if weights is None else weights[rows])

        value, other = figure(here), figure(rest)
        spread = np.array(
            [
                figure(rng.choice(here, len(here))) - figure(rng.choice(rest, len(rest)))
                for _ in range(RESAMPLES)
            ]
        )
        spread = spread[np.isfinite(spread)]
        record = {
            "group": str(name),
            "metric": metric.name,
            "direction": metric.direction,
            "n_labelled": len(here),
            "value": _plain(value),
            "rest": _plain(other),
        }
        found.append(record | _judged(value - other, spread, t, metric.direction))
    return found


def _judged(gap: float, spread: np.ndarray, t: float, direction: str) -> dict[str, Any]:
    """Return the interval of a difference and its word; nothing where resamples are mostly undefined."""
    if not math.isfinite(gap) or len(spread) < RESAMPLES / 2:
        return {"interval": None, "word": ""}
    half = t * float(spread.std(ddof=1))
    low, high = gap - half, gap + half
    if low <= 0 <= high:
        word = ""
    else:
        word = "better" if (gap > 0) == (direction == "max") else "worse"
    return {"interval": [_plain(low), _plain(high)], "word": word}


def _named(groups: Sequence[str | None]) -> np.ndarray:
    """Return the groups' names with the small ones under one name."""
    names = np.array([MISSING if group is None else str(group) for group in groups])
    kinds, counts = np.unique(names, return_counts=True)
    kept = kinds[np.argsort(-counts, kind="stable")[:MOST_GROUPS]]
    return np.where(np.isin(names, kept), names, OTHER)


def _quantile(probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(RESAMPLES - 1, probability))


def _plain(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
