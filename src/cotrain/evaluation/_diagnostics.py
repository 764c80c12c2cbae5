"""Where a task's predictions go wrong, as plain data that is small enough to keep with a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain.tasks import Task
from cotrain.tasks.table._calibration_by_chance import error_by_chance


def diagnostics(task: Task, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Return what `Task.diagnosis` shows of one task on its labelled rows.

    Args:
        task: a fitted task.
        scores: [N, ...] in the unit of `Task.scores`.
        targets: [N, T] as `Task.original` gives them.
        mask: [N, T] bool, True where labelled.

    Returns:
        Plain values. For classes `confusion` (`names`, `counts[true][predicted]`, `right`) and `calibration`;
        for labels `labels` (counts of right and wrong per label, and its `threshold`) and `calibration`; for
        numbers `residuals`, one record a column with a sample of true and predicted values and their `unit`.
        A calibration is a list of bins: `confidence` (mean predicted probability, of yes for labels), `right`
        (share that came true), `n`. Empty where nothing is labelled.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> task = Binary("y")
        >>> task.fit(pl.DataFrame({"y": [0, 1, 0, 1]}))
        >>> scores, y = np.array([[0.9], [0.8], [0.2], [0.7]]), np.array([[1.0], [1.0], [0.0], [0.0]])
        >>> diagnostics(task, scores, y, np.ones((4, 1), bool))["labels"][0]
        {'name': 'y', 'threshold': 0.5, 'true_positive': 2, 'false_positive': 1, 'false_negative': 0, \
'true_negative': 1}
    """
    diagnosis = task.diagnosis()
    return diagnosis.summary(diagnosis.record(scores, targets, mask > 0), task.parts)


def calibration_by_chance(bins: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return what the `calibration_error` of a calibration would be by chance alone, and at most.

    Labels that come true as often as they are said to do not do so exactly: with few labels a perfectly
    calibrated model is off as well. The first figure is its expected error with these probabilities and as
    many labels; beyond the second one chance hardly explains an error (see `error_by_chance`).

    Args:
        bins: of a calibration, see `diagnostics`.

    Example:
        >>> [round(part, 3) for part in calibration_by_chance([{"confidence": 0.9, "right": 0.7, "n": 10}])]
        [0.07, 0.198]
    """
    return error_by_chance([part["confidence"] for part in bins], [part["n"] for part in bins])


def calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """Return the expected calibration error of a calibration: mean |confidence - right| over the rows.

    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599.

    Example:
        >>> calibration_error([{"confidence": 0.9, "right": 0.7, "n": 10}])
        0.2
    """
    rows = sum(part["n"] for part in bins)
    gaps = (part["n"] * abs(part["confidence"] - part["right"]) for part in bins)
    return round(sum(gaps) / rows, 6) if rows else float("nan")
