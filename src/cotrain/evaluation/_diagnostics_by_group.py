"""On which groups of rows a task is worse than on the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.evaluation._records import TaskRecords
from cotrain.evaluation._resampling_units import draw_rows, resampling_units
from cotrain.evaluation._too_few import too_few_to_tell

#: Smaller groups are counted together as "(other)": their figures would be chance.
MOST_GROUPS = 12
OTHER, MISSING = "(other)", "(missing)"
RESAMPLES = 50


def errors_by_group(
    records: TaskRecords,
    groups: Sequence[str | None],
    *,
    dependence: Mapping[str, np.ndarray] | None = None,
    level: float = 0.99,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return a task's first metric on every group of rows, beside that on all other rows.

    A group is called "worse" or "better" if the interval of its difference to the other rows leaves out 0,

        d ± t √V,  V the larger of two variances from 50 resamples each:
            of both sides, each from its own rows,
            of two sides as large drawn from all rows, as if there were no difference,

    with t of one degree of freedom less than the smaller side has rows. The rows of a small group say too
    little of their own spread: one row says nothing, five that happen to be right say there is none. The
    level is that of all G groups that could get a word (Bonferroni: each has 1 - (1 - level)/G), so that
    without any true difference one or more such words appear in at most 1 % of cases. A group, or its rest,
    that is too small for any word (`too_few_to_tell`) has its value alone.

    Args:
        records: of N rows, of the task's metrics.
        groups: N names; `None` is a group of its own. The 12 largest are kept, the others are "(other)".
        dependence: `groups` or `times` [N] of rows that belong together, from `Split.dependence`; these are
            then drawn and counted as wholes.
        level: of all intervals together, in (0, 1).
        seed: of the resampling.

    Returns:
        A record per group, the largest first: `group`, `metric`, `direction`, `n_labelled`, `value`, `rest`
        (the value on the other rows), `interval` of value - rest (`None` where it is undefined), `word`
        ("worse", "better" or "") and `too_few`, why there can be none.

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
        >>> scores = y + np.where(far, 9.0, 1.0)[:, None] * np.cos(np.arange(80.0))[:, None]
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
    order = present[np.argsort(-counts, kind="stable")]
    sides = [
        _GroupAndRest(records, labelled[names == name], labelled[names != name], dependence) for name in order
    ]
    too_few = [one.too_few() for one in sides]
    n_judged = max(1, too_few.count(""))
    rng = numpy_generator(seed, "errors_by_group", records.task.name)
    metric, found = records.metrics[0], []
    for name, one, few in zip(order, sides, too_few, strict=True):
        value, rest = one.values(one.here, one.rest)
        record = {
            "group": str(name),
            "metric": metric.name,
            "direction": metric.direction,
            "n_labelled": len(one.here),
            "value": _plain(value),
            "rest": _plain(rest),
        }
        half = math.nan if few else one.half_width(1 - (1 - level) / (2 * n_judged), rng)
        found.append(record | _judged(value - rest, half, metric.direction) | {"too_few": few})
    return found


@final
@dataclass(frozen=True)
class _GroupAndRest:
    """The rows of a group and all others."""

    records: TaskRecords
    here: np.ndarray
    rest: np.ndarray
    dependence: Mapping[str, np.ndarray] | None

    def values(self, here: np.ndarray, rest: np.ndarray) -> tuple[float, float]:
        """Return the first metric on these rows, and on those."""
        metric, weights = self.records.metrics[0], self.records.weights
        records = self.records.of(metric)
        value, other = (
            metric.value_of(records[rows], None if weights is None else weights[rows])
            for rows in (here, rest)
        )
        return value, other

    def too_few(self) -> str:
        """Return why no word can be said; "" where one can."""
        targets, mask = self.records.truth
        for rows, part in ((self.here, "group's"), (self.rest, "other")):
            tied = {name: of[rows] for name, of in (self.dependence or {}).items()}
            if few := too_few_to_tell(self.records.task, targets[rows], mask[rows], part=part, **tied):
                return few
        return ""

    def half_width(self, quantile: float, rng: np.random.Generator) -> float:
        """Return half the width of the interval of the difference; NaN where resamples are undefined."""
        from scipy.special import stdtrit

        every = np.sort(np.concatenate([self.here, self.rest]))
        here, rest, of_all = (
            resampling_units(rows, **(self.dependence or {})) for rows in (self.here, self.rest, every)
        )
        n_here, n_rest = int(here.max()) + 1, int(rest.max()) + 1

        def gap(*drawn: np.ndarray) -> float:
            value, other = self.values(*drawn)
            return value - other

        own = [
            gap(draw_rows(self.here, here, rng), draw_rows(self.rest, rest, rng)) for _ in range(RESAMPLES)
        ]
        pooled = [
            gap(*(draw_rows(every, of_all, rng, how_many=n) for n in (n_here, n_rest)))
            for _ in range(RESAMPLES)
        ]
        spreads = []
        for drawn in (own, pooled):
            defined = np.array([one for one in drawn if math.isfinite(one)])
            spreads.append(float(defined.std(ddof=1)) if len(defined) >= RESAMPLES / 2 else math.nan)
        df = max(1, min(n_here, n_rest, RESAMPLES) - 1)
        return float(stdtrit(df, quantile)) * float(np.max(spreads))


def _judged(gap: float, half: float, direction: str) -> dict[str, Any]:
    """Return the interval of a difference and its word; nothing where it is undefined."""
    if not math.isfinite(gap) or not math.isfinite(half):
        return {"interval": None, "word": ""}
    low, high = gap - half, gap + half
    word = ""
    if not low <= 0 <= high:
        word = "better" if (gap > 0) == (direction == "max") else "worse"
    return {"interval": [_plain(low), _plain(high)], "word": word}


def _named(groups: Sequence[str | None]) -> np.ndarray:
    """Return the groups' names with the small ones under one name."""
    names = np.array([MISSING if group is None else str(group) for group in groups])
    kinds, counts = np.unique(names, return_counts=True)
    kept = kinds[np.argsort(-counts, kind="stable")[:MOST_GROUPS]]
    return np.where(np.isin(names, kept), names, OTHER)


def _plain(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
