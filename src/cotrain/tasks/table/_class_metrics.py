"""Figures of a target with classes: probabilities [N, C] against class numbers [N].

Number C stands for classes that training never had. They count as wrong: no prediction can be right there,
and where an average over classes is taken they are a class of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain._base import first_largest
from cotrain.tasks._base import Metric
from cotrain.tasks.table._binary_metrics import auroc, average_precision, expected_calibration_error
from cotrain.tasks.table._column_metrics import mean_of_defined

#: (probabilities [N, C], class numbers [N]) -> value, or values [C].
Figure = Callable[[np.ndarray, np.ndarray], float]
ClassFigure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def confusion(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return counts [C + 1, C + 1] of true class (row) and predicted class (column)."""
    size = probabilities.shape[1] + 1
    pairs = targets.astype(np.int64) * size + first_largest(probabilities)
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of rows whose most probable class is the true one."""
    return float(np.mean(first_largest(probabilities) == targets))


def class_recall(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the share found of each class [C + 1]; NaN for a class that does not occur."""
    counts = confusion(probabilities, targets)
    return _ratio(np.diag(counts), counts.sum(axis=1))


def class_precision(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the share right among the rows predicted as each class [C + 1]; NaN if none is."""
    counts = confusion(probabilities, targets)
    return _ratio(np.diag(counts), counts.sum(axis=0))


def class_f1(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 2 TP / (2 TP + FP + FN) of each class [C + 1]; NaN if it neither occurs nor is predicted."""
    counts = confusion(probabilities, targets)
    return _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def class_auroc(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the AUROC of each class against the others [C]."""
    return np.array([auroc(probabilities[:, c], targets == c) for c in range(probabilities.shape[1])])


def class_average_precision(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the average precision of each class against the others [C]."""
    return np.array(
        [average_precision(probabilities[:, c], targets == c) for c in range(probabilities.shape[1])]
    )


def log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean of -log p of the true class; for an unknown class p is that of the least probable."""
    known = targets < probabilities.shape[1]
    of_class = np.take_along_axis(probabilities, np.where(known, targets, 0).astype(int)[:, None], 1)[:, 0]
    true = np.where(known, of_class, probabilities.min(axis=1))
    return float(-np.mean(np.log(np.clip(true, 1e-15, 1.0))))


def brier(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean over rows of Σ_c (p_c - [c is true])²; an unknown class adds its own 1."""
    size = probabilities.shape[1]
    hot = np.eye(size + 1)[targets.astype(int)]
    padded = np.pad(probabilities, ((0, 0), (0, 1)))
    return float(np.mean(np.sum((padded - hot) ** 2, axis=1)))


def calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error of the largest probability, in 15 equally wide bins."""
    return expected_calibration_error(probabilities.max(axis=1), first_largest(probabilities) == targets)


def class_metrics() -> list[Metric]:
    """Return the metrics of a target with classes."""
    return [
        _whole("accuracy", "max", accuracy),
        _macro("balanced_accuracy", class_recall, absent=np.nan),
        _macro("f1", class_f1, absent=np.nan),
        # As in scikit-learn, a class that is never predicted has precision 0, one that never occurs recall 0.
        _macro("precision", class_precision, absent=0.0),
        _macro("recall", class_recall, absent=0.0),
        _macro("auroc", class_auroc, absent=np.nan),
        _macro("average_precision", class_average_precision, absent=np.nan),
        _whole("log_loss", "min", log_loss),
        _whole("brier", "min", brier),
        _whole("calibration_error", "min", calibration_error),
    ]


def _whole(name: str, direction: Literal["max", "min"], figure: Figure) -> Metric:
    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        rows = mask[:, 0]
        return figure(scores[rows], targets[rows, 0]) if rows.any() else float("nan")

    return Metric(name, direction, compute)


def _macro(name: str, figure: ClassFigure, absent: float) -> Metric:
    """Average over the classes that occur or are predicted, `absent` standing for an undefined one."""

    def parts(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        rows = mask[:, 0]
        if not rows.any():
            return np.full(scores.shape[1], np.nan)
        return figure(scores[rows], targets[rows, 0])[: scores.shape[1]]

    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        rows = mask[:, 0]
        if not rows.any():
            return float("nan")
        scores, classes = scores[rows], targets[rows, 0]
        values = figure(scores, classes)
        counts = confusion(scores, classes)
        present = (counts.sum(axis=0) + counts.sum(axis=1) > 0)[: len(values)]
        values = values[present]
        return mean_of_defined(np.where(np.isnan(values), absent, values))

    return Metric(name, "max", compute, parts)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, np.nan)
