"""Turn figures over one column into metrics over a task's targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain.tasks._base import Metric
from cotrain.tasks.table._binary_metrics import above_half

#: (scores, targets) of the labelled rows of one column, both [N] -> value.
Figure = Callable[[np.ndarray, np.ndarray], float]


def by_column(name: str, direction: Literal["max", "min"], figure: Figure) -> Metric:
    """Make a metric that is the mean of a `figure` over the columns, those left out where it is undefined.

    Args:
        name: of the metric.
        direction: whether a larger or a smaller value is better.
        figure: of one column.
    """

    def parts(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.array(
            [
                figure(scores[mask[:, t], t], targets[mask[:, t], t]) if mask[:, t].any() else np.nan
                for t in range(targets.shape[1])
            ]
        )

    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        return mean_of_defined(parts(scores, targets, mask))

    return Metric(name, direction, compute, parts)


def over_entries(name: str, direction: Literal["max", "min"], figure: Figure) -> Metric:
    """Make a metric that is a `figure` over all labelled entries at once (the micro average)."""

    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        return figure(scores[mask], targets[mask]) if mask.any() else float("nan")

    return Metric(name, direction, compute)


def mean_of_defined(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none, without a warning."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def exact_match() -> Metric:
    """Make the metric that is the share of rows whose labelled entries are all on the right side of 0.5."""

    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        rows = mask.any(axis=1)
        right = (above_half(scores) == (targets > 0.5)) | ~mask
        return float(right[rows].all(axis=1).mean()) if rows.any() else float("nan")

    return Metric("exact_match", "max", compute)
