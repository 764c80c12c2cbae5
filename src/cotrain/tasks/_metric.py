"""A figure of merit, taken apart into a small record of every row and the value of many records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Metric:
    """A figure of merit of a task.

    It comes in two steps, so that rows can arrive in batches, be resampled and be divided into groups while
    only a few numbers of each are kept:

        value(record(scores, targets, mask)),

    where the records of joined rows are the joined records of the rows.

    Args:
        name: the field's name for it, e.g. "auroc".
        direction: whether a larger or a smaller value is better.
        record: (scores, targets, mask) -> records [B, R], a row of R numbers for each of B rows. `scores` are
            what `Task.scores` gives, as NumPy float64, [B, ...]; `targets` [B, T] are what `Task.original`
            gives; `mask` [B, T] bool. What is not labelled is NaN in a record. Metrics that share this
            function share its result.
        value: records [N, R] -> value. Gives NaN where the figure is not defined (one class only, no label).
        parts: (records, P) -> the same figure of each part alone, [P] in the order of `Task.parts` (columns,
            labels or classes); `None` where the figure does not come apart.
        counts_hits: whether it counts what is right: a small change of the outputs changes nothing, or jumps,
            so that it tells networks apart less well than their losses do.

    Example:
        >>> from cotrain.tasks import Regression
        >>> mae = next(metric for metric in Regression.available_metrics() if metric.name == "mae")
        >>> said, true = np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])
        >>> mae.direction, mae.compute(said, true, np.ones((2, 1), bool))
        ('min', 1.0)
        >>> records = mae.record(said, true, np.ones((2, 1), bool))
        >>> mae.value(records[[1, 1]])
        2.0
    """

    name: str
    direction: Literal["max", "min"]
    record: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], float]
    parts: Callable[[np.ndarray, int], np.ndarray] | None = None
    counts_hits: bool = False

    @property
    def best(self) -> float:
        """The value of a perfect prediction: 1 where larger is better, 0 where smaller is."""
        return 1.0 if self.direction == "max" else 0.0

    def compute(self, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        """Return the value on these rows; see `record` for what is given."""
        return self.value(self.record(scores, targets, mask))
