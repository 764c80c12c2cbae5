"""Figures of a target with ordered levels: probabilities [N, K] against level numbers [N]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain.tasks._base import Metric
from cotrain.tasks.table._binary_metrics import above_half
from cotrain.tasks.table._class_metrics import log_loss
from cotrain.tasks.table._column_metrics import mean_of_defined


def levels_of(probabilities: np.ndarray) -> np.ndarray:
    """Return the median level of each row, int64 [N]: how many thresholds are passed rather than not.

    Example:
        >>> levels_of(np.array([[0.4, 0.3, 0.3], [0.6, 0.2, 0.2]])).tolist()
        [1, 0]
    """
    above = 1 - np.cumsum(probabilities, axis=1)[:, :-1]
    return above_half(above).sum(axis=1)


def quadratic_kappa(levels: np.ndarray, targets: np.ndarray, n_levels: int) -> float:
    """Return 1 - Σ(i - j)² O_ij / Σ(i - j)² E_ij, the agreement beyond that of independent columns.

    Cohen, "Weighted kappa", 1968, https://doi.org/10.1037/h0026256. Undefined where both sides have one and
    the same level only.

    Args:
        levels: predicted, [N].
        targets: true, [N].
        n_levels: K.
    """
    observed = float(np.mean((levels - targets) ** 2))
    truth = np.bincount(targets.astype(np.int64), minlength=n_levels) / len(targets)
    guess = np.bincount(levels, minlength=n_levels) / len(levels)
    distance = np.subtract.outer(np.arange(n_levels), np.arange(n_levels)) ** 2
    expected = float(truth @ distance @ guess)
    return 1 - observed / expected if expected > 0 else float("nan")


def ordinal_metrics() -> list[Metric]:
    """Return the metrics of a target with ordered levels; mae is in levels."""
    return [
        _of_levels("quadratic_kappa", "max", quadratic_kappa),
        _of_levels("mae", "min", lambda levels, targets, _: float(np.mean(np.abs(levels - targets)))),
        _of_levels("accuracy", "max", lambda levels, targets, _: float(np.mean(levels == targets))),
        _of_levels(
            "within_one", "max", lambda levels, targets, _: float(np.mean(abs(levels - targets) <= 1))
        ),
        _level_recall(),
        _log_loss(),
    ]


def _of_levels(
    name: str, direction: Literal["max", "min"], figure: Callable[[np.ndarray, np.ndarray, int], float]
) -> Metric:
    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        rows = mask[:, 0]
        if not rows.any():
            return float("nan")
        return figure(levels_of(scores[rows]), targets[rows, 0], scores.shape[1])

    return Metric(name, direction, compute)


def _level_recall() -> Metric:
    """Make the mean recall of the levels that occur."""

    def parts(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        rows = mask[:, 0]
        right = levels_of(scores[rows]) == targets[rows, 0]
        of_level = [right[targets[rows, 0] == level] for level in range(scores.shape[1])]
        return np.array([float(hits.mean()) if len(hits) else np.nan for hits in of_level])

    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        return mean_of_defined(parts(scores, targets, mask))

    return Metric("balanced_accuracy", "max", compute, parts)


def _log_loss() -> Metric:
    def compute(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        rows = mask[:, 0]
        return log_loss(scores[rows], targets[rows, 0]) if rows.any() else float("nan")

    return Metric("log_loss", "min", compute)
