"""Turn figures over one column into metrics over a task's targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain.tasks._metric import Metric, Weights
from cotrain.tasks.table._binary_metrics import BY_CHANCE, above_half

#: (scores, targets, weights) of the labelled rows of one column, each [N], weights `None` where all count
#: alike -> value.
Figure = Callable[..., float]


def column_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return scores and targets side by side, [B, 2T]; an unlabelled target is NaN.

    Example:
        >>> column_record(np.array([[0.5], [0.25]]), np.ones((2, 1)), np.array([[True], [False]]))
        array([[0.5 , 1.  ],
               [0.25,  nan]])
    """
    return np.concatenate([point_of(scores), np.where(mask, targets, np.nan)], axis=1)


def point_of(scores: np.ndarray) -> np.ndarray:
    """Return the one number that scores say, [B, T]: of quantiles and levels [B, T, Q, 2] the median.

    Example:
        >>> point_of(np.array([[[[1.0, 0.1], [2.0, 0.5]]]]))
        array([[2.]])
    """
    if scores.ndim < 4:
        return scores
    middle = np.abs(scores[:1, :1, :, 1] - 0.5).argmin() if scores.size else 0
    return scores[:, :, middle, 0]


def columns_of(records: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scores, targets and mask that `column_record` was given, [N, T] each."""
    scores, targets = np.split(records, 2, axis=1)
    return scores, targets, ~np.isnan(targets)


def by_column(
    name: str, direction: Literal["max", "min"], figure: Figure, counts_hits: bool = False
) -> Metric:
    """Make a metric that is the mean of a `figure` over the columns, those left out where it is undefined.

    Args:
        name: of the metric.
        direction: whether a larger or a smaller value is better.
        figure: of one column.
        counts_hits: see `Metric`.
    """
    of_chance = BY_CHANCE.get(figure)
    return Metric(
        name,
        direction,
        column_record,
        _mean_over_columns(figure),
        _of_columns(figure),
        counts_hits,
        by_chance=None if of_chance is None else _mean_over_columns(of_chance),
    )


def _of_columns(figure: Figure) -> Callable[..., np.ndarray]:
    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        scores, targets, mask = columns_of(records)

        def of_column(t: int) -> float:
            rows = mask[:, t]
            of_rows = () if weights is None else (weights[rows],)
            return figure(scores[rows, t], targets[rows, t], *of_rows) if rows.any() else np.nan

        return np.array([of_column(t) for t in range(n_parts)])

    return parts


def _mean_over_columns(figure: Figure) -> Callable[..., float]:
    parts = _of_columns(figure)

    def value(records: np.ndarray, weights: Weights = None) -> float:
        return mean_of_defined(parts(records, records.shape[1] // 2, weights))

    return value


def over_entries(
    name: str, direction: Literal["max", "min"], figure: Figure, counts_hits: bool = False
) -> Metric:
    """Make a metric that is a `figure` over all labelled entries at once (the micro average)."""

    def over(of: Figure) -> Callable[..., float]:
        def value(records: np.ndarray, weights: Weights = None) -> float:
            scores, targets, mask = columns_of(records)
            of_rows = () if weights is None else (np.broadcast_to(weights[:, None], mask.shape)[mask],)
            return of(scores[mask], targets[mask], *of_rows) if mask.any() else float("nan")

        return value

    of_chance = BY_CHANCE.get(figure)
    by_chance = None if of_chance is None else over(of_chance)
    return Metric(name, direction, column_record, over(figure), counts_hits=counts_hits, by_chance=by_chance)


def mean_of_defined(values: np.ndarray, weights: Weights = None) -> float:
    """Return the (weighted) mean of the values that are not NaN; NaN if there is none, without a warning."""
    known = ~np.isnan(values)
    of_known = None if weights is None else weights[known]
    return float(np.average(values[known], weights=of_known)) if known.any() else float("nan")


def exact_match() -> Metric:
    """Make the metric that is the share of rows whose labelled entries are all on the right side of 0.5."""

    def record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        right = (above_half(scores) == (targets > 0.5)) | ~mask
        return np.where(mask.any(axis=1), right.all(axis=1), np.nan)[:, None]

    def value(records: np.ndarray, weights: Weights = None) -> float:
        return mean_of_defined(records[:, 0], weights)

    return Metric("exact_match", "max", record, value, counts_hits=True)
