"""Figures of a target with ordered levels: probabilities [N, K] against level numbers [N]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain.tasks._metric import Metric, Weights
from cotrain.tasks.table._binary_metrics import above_half
from cotrain.tasks.table._class_metrics import labelled, labelled_weights, log_loss_metric, of_labelled
from cotrain.tasks.table._column_metrics import mean_of_defined


def levels_of(probabilities: np.ndarray) -> np.ndarray:
    """Return the median level of each row, int64 [N]: how many thresholds are passed rather than not.

    Example:
        >>> levels_of(np.array([[0.4, 0.3, 0.3], [0.6, 0.2, 0.2]])).tolist()
        [1, 0]
    """
    above = 1 - np.cumsum(probabilities, axis=1)[:, :-1]
    return above_half(above).sum(axis=1)


def level_record(probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the true and the predicted level of every row, [B, 2].

    Example:
        >>> level_record(np.array([[0.4, 0.3, 0.3]]), np.array([[2]]), np.array([[True]]))
        array([[2., 1.]])
    """
    rows = mask[:, 0]
    return of_labelled(rows, np.stack([targets[rows, 0], levels_of(probabilities[rows])], axis=1))


def quadratic_kappa(levels: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return 1 - Σ(i - j)² O_ij / Σ(i - j)² E_ij, the agreement beyond that of independent columns.

    Cohen, "Weighted kappa", 1968, https://doi.org/10.1037/h0026256. Undefined where both sides have one and
    the same level only.

    Args:
        levels: predicted, [N].
        targets: true, [N].
        weights: how much each row counts, [N].
    """
    observed = float(np.average((levels - targets) ** 2, weights=weights))
    size = int(max(levels.max(), targets.max())) + 1
    total = len(targets) if weights is None else weights.sum()
    truth = np.bincount(targets.astype(np.int64), weights, size) / total
    guess = np.bincount(levels.astype(np.int64), weights, size) / total
    distance = np.subtract.outer(np.arange(size), np.arange(size)) ** 2
    expected = float(truth @ distance @ guess)
    return 1 - observed / expected if expected > 0 else float("nan")


def ordinal_metrics() -> list[Metric]:
    """Return the metrics of a target with ordered levels; mae is in levels."""
    return [
        _of_levels("quadratic_kappa", "max", quadratic_kappa),
        _of_levels("mae", "min", _mean_of(lambda levels, targets: np.abs(levels - targets))),
        _of_levels("accuracy", "max", _mean_of(lambda levels, targets: levels == targets)),
        _of_levels("within_one", "max", _mean_of(lambda levels, targets: abs(levels - targets) <= 1)),
        _level_recall(),
        log_loss_metric(),
    ]


def _mean_of(of_row: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., float]:
    def figure(levels: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
        return float(np.average(of_row(levels, targets), weights=weights))

    return figure


def _of_levels(name: str, direction: Literal["max", "min"], figure: Callable[..., float]) -> Metric:
    def value(records: np.ndarray, weights: Weights = None) -> float:
        targets, levels = labelled(records).T
        return figure(levels, targets, labelled_weights(records, weights)) if len(levels) else float("nan")

    return Metric(name, direction, level_record, value, counts_hits=True)


def _level_recall() -> Metric:
    """Make the mean recall of the levels that occur."""

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        targets, levels = labelled(records).T
        of_row, right = labelled_weights(records, weights), (levels == targets).astype(np.float64)
        of_level = [np.where(targets == level, right, np.nan) for level in range(n_parts)]
        return np.array([mean_of_defined(hits, of_row) for hits in of_level])

    def value(records: np.ndarray, weights: Weights = None) -> float:
        kept = labelled(records)
        found = parts(records, int(kept[:, 0].max()) + 1, weights) if len(kept) else np.array([np.nan])
        return mean_of_defined(found)

    return Metric("balanced_accuracy", "max", level_record, value, parts, counts_hits=True)
