"""What shows where the predictions of a task go wrong, as plain data small enough to keep with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np


@final
@dataclass(frozen=True)
class Diagnosis:
    """A picture of a task's errors, taken apart as a `Metric` is: summary(record(...), names).

    Args:
        record: (scores, targets, mask) -> records [B, R]; see `Metric`.
        summary: (records [N, R], names of the task's parts) -> plain values for the report.

    Example:
        >>> from cotrain.tasks import Regression
        >>> found = Regression("y").diagnosis()
        >>> records = found.record(np.array([[2.0]]), np.array([[1.5]]), np.array([[True]]))
        >>> found.summary(records, ["y"])["residuals"][0]["mean_error"]
        0.5
    """

    record: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    summary: Callable[[np.ndarray, Sequence[str]], dict[str, Any]]


def nothing_recorded(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return records without a number."""
    return np.zeros((len(scores), 0))


def nothing_to_show(records: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Return no picture."""
    return {}
