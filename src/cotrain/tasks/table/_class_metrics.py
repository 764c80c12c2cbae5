"""Figures of a target with classes: probabilities [N, C] against class numbers [N].

Number C stands for classes that training never had. They count as wrong: no prediction can be right there,
and where an average over classes is taken they are a class of their own.

Of every row most figures keep two numbers, the true and the predicted class. AUROC and average precision rank
the rows by each class's probability, so they keep C + 1: with thousands of classes and many rows the others
are the ones to ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from cotrain._base import first_largest
from cotrain.tasks._metric import Metric, Weights
from cotrain.tasks.table._binary_metrics import (
    auroc,
    average_precision,
    calibration_error_by_chance,
    expected_calibration_error,
)
from cotrain.tasks.table._column_metrics import mean_of_defined

#: (hits, true rows, predicted rows) of every class -> its figure, NaN where it is undefined.
CountFigure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
#: (scores, targets, weights) of one class against the others, each [N] -> value.
RankFigure = Callable[..., float]


def of_labelled(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return records [B, R] that are `values` where `rows` [B] holds, and NaN elsewhere."""
    records = np.full((len(rows), values.shape[1]), np.nan)
    records[rows] = values
    return records


def class_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the true and the predicted class of every row, [B, 2].

    Example:
        >>> class_record(np.array([[0.2, 0.8], [0.6, 0.4]]), np.zeros((2, 1)), np.array([[True], [False]]))
        array([[ 0.,  1.],
               [nan, nan]])
    """
    rows = mask[:, 0]
    return of_labelled(rows, np.stack([targets[rows, 0], first_largest(probabilities[rows])], axis=1))


def log_loss_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return -log p of the true class, [B, 1]; for an unknown class p is that of the least probable."""
    rows = mask[:, 0]
    probabilities, classes = probabilities[rows], targets[rows, 0]
    known = classes < probabilities.shape[1]
    of_class = np.take_along_axis(probabilities, np.where(known, classes, 0).astype(int)[:, None], 1)[:, 0]
    true = np.where(known, of_class, probabilities.min(axis=1))
    return of_labelled(rows, -np.log(np.clip(true, 1e-15, 1.0))[:, None])


def brier_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return Σ_c (p_c - [c is true])², [B, 1]; an unknown class adds its own 1."""
    rows = mask[:, 0]
    missed = np.pad(probabilities[rows], ((0, 0), (0, 1)))
    missed[np.arange(len(missed)), targets[rows, 0].astype(int)] -= 1
    return of_labelled(rows, np.sum(missed**2, axis=1, keepdims=True))


def calibration_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the largest probability of every row and whether it is the true class's, [B, 2]."""
    rows = mask[:, 0]
    likely = probabilities[rows]
    right = first_largest(likely) == targets[rows, 0]
    return of_labelled(rows, np.stack([likely.max(axis=1), right], axis=1))


def probability_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the true class of every row and the probability of each, [B, 1 + C]."""
    rows = mask[:, 0]
    return of_labelled(rows, np.concatenate([targets[rows], probabilities[rows]], axis=1))


def class_recall(hits: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the share found of each class; NaN for a class that does not occur."""
    return _ratio(hits, true)


def class_precision(hits: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the share right among the rows predicted as each class; NaN if none is."""
    return _ratio(hits, predicted)


def class_f1(hits: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return 2 TP / (2 TP + FP + FN) of each class; NaN if it neither occurs nor is predicted."""
    return _ratio(2 * hits, predicted + true)


def class_metrics() -> list[Metric]:
    """Return the metrics of a target with classes."""
    return [
        replace(
            _mean("accuracy", "max", class_record, lambda records: records[:, 0] == records[:, 1]),
            counts_hits=True,
        ),
        _counted("balanced_accuracy", class_recall, absent=np.nan),
        _counted("f1", class_f1, absent=np.nan),
        # As in scikit-learn, a class that is never predicted has precision 0, one that never occurs recall 0.
        _counted("precision", class_precision, absent=0.0),
        _counted("recall", class_recall, absent=0.0),
        _ranked("auroc", auroc),
        _ranked("average_precision", average_precision),
        log_loss_metric(),
        _mean("brier", "min", brier_record, lambda records: records[:, 0]),
        _calibration(),
    ]


def log_loss_metric() -> Metric:
    """Make the mean of -log p of the true class, p kept away from 0 by 1e-15."""
    return _mean("log_loss", "min", log_loss_record, lambda records: records[:, 0])


def labelled(records: np.ndarray) -> np.ndarray:
    """Return the records of labelled rows: those that do not begin with NaN."""
    return records[~np.isnan(records[:, 0])]


def labelled_weights(records: np.ndarray, weights: Weights) -> Weights:
    """Return the weights of the rows that `labelled` returns."""
    return None if weights is None else weights[~np.isnan(records[:, 0])]


def _mean(
    name: str,
    direction: Literal["max", "min"],
    record: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    of_row: Callable[[np.ndarray], np.ndarray],
) -> Metric:
    """Make a metric that is a mean over the labelled rows."""

    def value(records: np.ndarray, weights: Weights = None) -> float:
        kept, of_kept = labelled(records), labelled_weights(records, weights)
        return float(np.average(of_row(kept), weights=of_kept)) if len(kept) else float("nan")

    return Metric(name, direction, record, value)


def _counted(name: str, figure: CountFigure, absent: float) -> Metric:
    """Average over the classes that occur or are predicted, `absent` standing for an undefined one."""

    def counts(records: np.ndarray, size: int, weights: Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        true, predicted = labelled(records).astype(np.int64).T
        of_row, right = labelled_weights(records, weights), true == predicted
        of_hit = None if of_row is None else of_row[right]
        hit = np.bincount(true[right], of_hit, size)
        return hit, np.bincount(true, of_row, size), np.bincount(predicted, of_row, size)

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        return figure(*counts(records, n_parts + 1, weights))[:n_parts]

    def value(records: np.ndarray, weights: Weights = None) -> float:
        kept = labelled(records)
        if not len(kept):
            return float("nan")
        hits, true, predicted = counts(records, int(kept.max()) + 1, weights)
        values = figure(hits, true, predicted)[true + predicted > 0]
        return mean_of_defined(np.where(np.isnan(values), absent, values))

    return Metric(name, "max", class_record, value, parts, counts_hits=True)


def _ranked(name: str, figure: RankFigure) -> Metric:
    """Average a figure of each class against the others over the classes that occur or are predicted."""

    def of_classes(records: np.ndarray, classes: np.ndarray, weights: Weights) -> np.ndarray:
        kept, of_row = labelled(records), labelled_weights(records, weights)
        return np.array([figure(kept[:, 1 + c], kept[:, 0] == c, of_row) for c in classes.tolist()])

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        known = len(labelled(records))
        return of_classes(records, np.arange(n_parts), weights) if known else np.full(n_parts, np.nan)

    def value(records: np.ndarray, weights: Weights = None) -> float:
        kept = labelled(records)
        if not len(kept):
            return float("nan")
        present = np.union1d(kept[:, 0].astype(np.int64), first_largest(kept[:, 1:]))
        return mean_of_defined(of_classes(records, present[present < kept.shape[1] - 1], weights))

    return Metric(name, "max", probability_record, value, parts)


def _calibration() -> Metric:
    """Make the expected calibration error of the largest probability, in 15 equally wide bins."""

    def of(figure: Callable[..., float]) -> Callable[..., float]:
        def value(records: np.ndarray, weights: Weights = None) -> float:
            confidence, right = labelled(records).T
            of_row = labelled_weights(records, weights)
            return float(figure(confidence, right > 0, weights=of_row) if len(right) else np.nan)

        return value

    own, by_chance = of(expected_calibration_error), of(calibration_error_by_chance)
    return Metric("calibration_error", "min", calibration_record, own, by_chance=by_chance)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, np.nan)
