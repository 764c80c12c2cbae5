"""Figures of predicted quantiles: their loss, and how wide and how right the outermost interval is.

Scores of quantiles are [B, T, Q, 2]: of every level the value and the level itself. A model that says one
number has no such figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cotrain.tasks._metric import Metric, Weights
from cotrain.tasks.table._column_metrics import mean_of_defined

#: Places in a record of each target: mean pinball loss, inside or not, width, the share that should be in.
LOSS, INSIDE, WIDTH, NOMINAL = range(4)
_OF_TARGET = 4


def quantile_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return four numbers of every target of every row, [B, 4 T]; NaN where there is no label.

    Args:
        scores: [B, T, Q, 2], or [B, T] of a model that says one number: all NaN.
        targets: [B, T].
        mask: bool [B, T].

    Example:
        >>> said = np.array([[[[1.0, 0.1], [2.0, 0.5], [4.0, 0.9]]]])
        >>> quantile_record(said, np.array([[3.0]]), np.array([[True]])).round(3).tolist()
        [[0.267, 1.0, 3.0, 0.8]]
    """
    n_rows, n_targets = targets.shape
    records = np.full((n_rows, n_targets, _OF_TARGET), np.nan)
    if scores.ndim == 4:
        said, levels = scores[..., 0], scores[..., 1]
        error = targets[..., None] - said
        low, high = said[..., 0], said[..., -1]
        records[..., LOSS] = np.maximum(levels * error, (levels - 1) * error).mean(axis=-1)
        records[..., INSIDE] = (low <= targets) & (targets <= high)
        records[..., WIDTH] = high - low
        records[..., NOMINAL] = levels[..., -1] - levels[..., 0]
        records[~mask] = np.nan
    return records.reshape(n_rows, n_targets * _OF_TARGET)


def quantile_metrics() -> list[Metric]:
    """Return pinball loss, coverage and mean width of the outermost interval, averaged over the targets.

        pinball          mean over the levels τ of max(τ u, (τ - 1) u), u = y - q_τ
        coverage         share of true values within the outermost quantiles, τ_max - τ_min if all is well
        coverage_error   how far that is off
        interval_width   mean distance of the outermost quantiles

    Coverage and width only describe: the widest interval covers most, and the narrowest is nothing.
    A loss that only the right quantiles have the least of judges both width and coverage: Gneiting and
    Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007,
    https://doi.org/10.1198/016214506000001437.

    Example:
        >>> [metric.name for metric in quantile_metrics()]
        ['pinball', 'coverage', 'coverage_error', 'interval_width']
    """
    return [
        Metric("pinball", "min", quantile_record, *_figure(lambda of, weights: _mean(of[:, LOSS], weights))),
        Metric(
            "coverage",
            "max",
            quantile_record,
            *_figure(lambda of, weights: _mean(of[:, INSIDE], weights)),
            describes=True,
        ),
        Metric("coverage_error", "min", quantile_record, *_figure(_off)),
        Metric(
            "interval_width",
            "min",
            quantile_record,
            *_figure(lambda of, weights: _mean(of[:, WIDTH], weights)),
            describes=True,
        ),
    ]


def _off(of_target: np.ndarray, weights: Weights) -> float:
    return abs(_mean(of_target[:, INSIDE], weights) - _mean(of_target[:, NOMINAL], None))


def _mean(values: np.ndarray, weights: Weights) -> float:
    return mean_of_defined(values, weights)


def _figure(
    of_target: Callable[[np.ndarray, Weights], float],
) -> tuple[Callable[..., float], Callable[..., np.ndarray]]:
    """Return value and parts of a metric, of a figure of the records [N, 4] of one target."""

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        by_target = records.reshape(len(records), -1, _OF_TARGET)
        return np.array([of_target(by_target[:, t], weights) for t in range(by_target.shape[1])])

    def value(records: np.ndarray, weights: Weights = None) -> float:
        return mean_of_defined(parts(records, 0, weights))

    return value, parts
