"""How far predicted numbers are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from cotrain._base import numpy_generator
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks.table._column_metrics import column_record, columns_of

MOST_COLUMNS = 4
#: Points of a residual plot per column; more of them hide each other.
SAMPLE = 200


def residuals(unit: str = "") -> Diagnosis:
    """Make the diagnosis of numbers.

    Its summary has `residuals`, one record a column with a sample of true and predicted values and their
    `unit`; it is empty where nothing is labelled.

    Args:
        unit: what the numbers are of the column's, such as "log10"; "": themselves.

    Example:
        >>> found = residuals()
        >>> records = found.record(np.array([[2.0], [3.0]]), np.array([[1.0], [3.0]]), np.ones((2, 1), bool))
        >>> found.summary(records, ["y"])["residuals"][0]["half_within"]
        0.5
    """
    return Diagnosis(column_record, partial(_summary, unit=unit))


def _summary(records: np.ndarray, names: Sequence[str], *, unit: str) -> dict[str, Any]:
    scores, targets, mask = columns_of(records)
    found = _residuals(names, scores, targets, mask) if mask.any() else []
    return {"residuals": [one | {"unit": unit} for one in found]} if found else {}


def _residuals(
    names: Sequence[str], scores: np.ndarray, targets: np.ndarray, mask: np.ndarray
) -> list[dict[str, Any]]:
    found = []
    for i, name in enumerate(list(names)[:MOST_COLUMNS]):
        rows = np.flatnonzero(mask[:, i])
        if not len(rows):
            continue
        errors = scores[rows, i] - targets[rows, i]
        if len(rows) > SAMPLE:
            rows = np.sort(numpy_generator("residuals", i).choice(rows, SAMPLE, replace=False))
        found.append(
            {
                "name": str(name),
                "n": len(errors),
                "mean_error": _short(errors.mean()),
                "half_within": _short(np.median(np.abs(errors))),
                "true": [_short(value) for value in targets[rows, i]],
                "predicted": [_short(value) for value in scores[rows, i]],
            }
        )
    return found


def _short(value: float) -> float:
    """Return a value with five significant figures: what a picture can show."""
    return float(f"{value:.5g}")
