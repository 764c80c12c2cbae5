"""Where a task's predictions go wrong, as plain data that is small enough to keep with a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain._base import beyond, first_largest, numpy_generator
from cotrain.tasks import Task

#: Classes beyond these are counted together as "other": a larger matrix cannot be read.
MOST_CLASSES = 15
MOST_LABELS = 30
MOST_COLUMNS = 4
#: Points of a residual plot per column; more of them hide each other.
SAMPLE = 200
BINS = 10


def diagnostics(task: Task, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Return calibration, confusion or residuals of one task on its labelled rows.

    Args:
        task: a fitted task; its `coding` says which of the three there is.
        scores: [N, ...] in the unit of `Task.scores`.
        targets: [N, T] as `Task.original` gives them.
        mask: [N, T] bool, True where labelled.

    Returns:
        Plain values. For classes `confusion` (`names`, `counts[true][predicted]`) and `calibration`; for
        labels `labels` (counts of right and wrong per label at probability 0.5) and `calibration`; for
        numbers `residuals`, one record a column with a sample of true and predicted values. A calibration is
        a list of bins: `confidence` (mean predicted probability), `right` (share that came true), `n`. Empty
        where nothing is labelled.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> task = Binary("y")
        >>> task.fit(pl.DataFrame({"y": [0, 1, 0, 1]}))
        >>> scores, y = np.array([[0.9], [0.8], [0.2], [0.7]]), np.array([[1.0], [1.0], [0.0], [0.0]])
        >>> diagnostics(task, scores, y, np.ones((4, 1), bool))["labels"][0]
        {'name': 'y', 'true_positive': 2, 'false_positive': 1, 'false_negative': 0, 'true_negative': 1}
    """
    if not mask.any():
        return {}
    if task.coding == "number":
        return {"residuals": _residuals(task.parts, scores, targets, mask)}
    if task.coding == "label":
        labels = _labels(task.parts, scores, targets, mask)
        return {"labels": labels, "calibration": _calibration(scores[mask], targets[mask])}
    labelled = mask[:, 0]
    probabilities, truth = scores[labelled], targets[labelled, 0].astype(int)
    predicted = first_largest(probabilities)
    return {
        "confusion": _confusion(task.parts, truth, predicted),
        "calibration": _calibration(probabilities.max(axis=-1), predicted == truth),
    }


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


def _calibration(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    # What lies on the lower edge of a bin is in it, whichever way it was rounded.
    bin_of = np.minimum((beyond(1.0) * confidence * BINS).astype(int), BINS - 1)
    found = []
    for i in range(BINS):
        rows = bin_of == i
        if rows.any():
            share, mean = float(right[rows].mean()), float(confidence[rows].mean())
            found.append({"confidence": round(mean, 4), "right": round(share, 4), "n": int(rows.sum())})
    return found


def _confusion(names: Sequence[str], truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    n_classes = len(names)
    # A class that training rows did not have is one of its own, behind the known ones.
    counts = np.zeros((n_classes + 1, n_classes + 1), dtype=int)
    np.add.at(counts, (np.minimum(truth, n_classes), predicted), 1)
    kept = np.argsort(-counts[:n_classes].sum(axis=1), kind="stable")[:MOST_CLASSES]
    kept = np.sort(kept)
    rest = np.setdiff1d(np.arange(n_classes + 1), kept)
    shown = [str(names[i]) for i in kept]
    matrix = counts[np.ix_(kept, kept)]
    if counts[rest].any() or counts[:, rest].any():
        right = counts[np.ix_(kept, rest)].sum(axis=1)[:, None]
        below = counts[np.ix_(rest, kept)].sum(axis=0)[None, :]
        corner = counts[np.ix_(rest, rest)].sum()[None, None]
        matrix = np.block([[matrix, right], [below, corner]])
        shown.append("(other)")
    return {"names": shown, "counts": matrix.tolist()}


def _labels(
    names: Sequence[str], scores: np.ndarray, targets: np.ndarray, mask: np.ndarray
) -> list[dict[str, Any]]:
    positive, predicted = targets > 0.5, scores > beyond(0.5)
    n_positive = (positive & mask).sum(axis=0)
    kept = np.sort(np.argsort(-n_positive, kind="stable")[:MOST_LABELS])

    def count(i: int, rows: np.ndarray) -> int:
        return int((rows[:, i] & mask[:, i]).sum())

    return [
        {
            "name": str(names[i]),
            "true_positive": count(i, positive & predicted),
            "false_positive": count(i, ~positive & predicted),
            "false_negative": count(i, positive & ~predicted),
            "true_negative": count(i, ~positive & ~predicted),
        }
        for i in kept
    ]


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
