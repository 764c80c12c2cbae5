"""Figures of a target with ordered levels: probabilities [N, K] against level numbers [N]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain.tasks._metric import Metric
from cotrain.tasks.table._binary_metrics import above_half
from cotrain.tasks.table._class_metrics import labelled, log_loss_metric, of_labelled
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


def quadratic_kappa(levels: np.ndarray, targets: np.ndarray) -> float:
    """Return 1 - Σ(i - j)² O_ij / Σ(i - j)² E_ij, the agreement beyond that of independent columns.

    Cohen, "Weighted kappa", 1968, https://doi.org/10.1037/h0026256. Undefined where both sides have one and
    the same level only.

    Args:
        levels: predicted, [N].
        targets: true, [N].
    """
    observed = float(np.mean((levels - targets) ** 2))
    size = int(max(levels.max(), targets.max())) + 1
    truth = np.bincount(targets.astype(np.int64), minlength=size) / len(targets)
    guess = np.bincount(levels.astype(np.int64), minlength=size) / len(levels)
    distance = np.subtract.outer(np.arange(size), np.arange(size)) ** 2
    expected = float(truth @ distance @ guess)
    return 1 - observed / expected if expected > 0 else float("nan")


def ordinal_metrics() -> list[Metric]:
    """Return the metrics of a target with ordered levels; mae is in levels."""
    return [
        _of_levels("quadratic_kappa", "max", quadratic_kappa),
        _of_levels("mae", "min", lambda levels, targets: float(np.mean(np.abs(levels - targets)))),
        _of_levels("accuracy", "max", lambda levels, targets: float(np.mean(levels == targets))),
        _of_levels("within_one", "max", lambda levels, targets: float(np.mean(abs(levels - targets) <= 1))),
        _level_recall(),
        log_loss_metric(),
    ]


def _of_levels(
    name: str, direction: Literal["max", "min"], figure: Callable[[np.ndarray, np.ndarray], float]
) -> Metric:
    def value(records: np.ndarray) -> float:
        targets, levels = labelled(records).T
        return figure(levels, targets) if len(levels) else float("nan")

    return Metric(name, direction, level_record, value, counts_hits=True)


def _level_recall() -> Metric:
    """Make the mean recall of the levels that occur."""

    def parts(records: np.ndarray, n_parts: int) -> np.ndarray:
        targets, levels = labelled(records).T
        right = levels == targets
        of_level = [right[targets == level] for level in range(n_parts)]
        return np.array([float(hits.mean()) if len(hits) else np.nan for hits in of_level])

    def value(records: np.ndarray) -> float:
        kept = labelled(records)
        return mean_of_defined(parts(kept, int(kept[:, 0].max()) + 1)) if len(kept) else float("nan")

    return Metric("balanced_accuracy", "max", level_record, value, parts, counts_hits=True)
