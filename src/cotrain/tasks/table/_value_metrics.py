"""Figures of one numeric target: predictions [N] against true values [N], rows weighted where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain._base import ROUNDING
from cotrain.tasks._metric import Weights
from cotrain.tasks.table._binary_metrics import ranks, weighted_ranks

#: (scores, targets, weights) -> value.
Figure = Callable[..., float]


def mae(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the mean absolute error."""
    return float(np.average(np.abs(scores - targets), weights=weights))


def rmse(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.average((scores - targets) ** 2, weights=weights)))


def r2(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return 1 - Σ w (y - ŷ)² / Σ w (y - ȳ)²; undefined where all true values are equal.

    Example:
        >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
        0.5
    """
    of_row = 1.0 if weights is None else weights
    # In a unit in which squares neither vanish nor overflow: a picofarad is as good a number as a farad.
    size = 2.0 ** np.frexp(np.abs(targets).max())[1]
    scores, targets = scores / size, targets / size
    spread = np.sum(of_row * (targets - np.average(targets, weights=weights)) ** 2)
    if spread <= 1e-20 * float(np.sum(of_row * targets**2)):
        return float("nan")
    return float(1 - np.sum(of_row * (targets - scores) ** 2) / spread)


def spearman(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the correlation of the ranks; undefined where either side is constant."""
    centre = np.median(targets)
    spread = _rounded_away(targets, centre)
    if weights is None:
        a, b = (ranks(values - centre, spread) for values in (scores, targets))
    else:
        a, b = (weighted_ranks(values - centre, weights, spread) for values in (scores, targets))
    a, b = (of_one - np.average(of_one, weights=weights) for of_one in (a, b))
    of_row = 1.0 if weights is None else weights
    norm = np.sqrt(np.sum(of_row * a**2) * np.sum(of_row * b**2))
    return float(np.sum(of_row * a * b) / norm) if norm > 0 else float("nan")


def _rounded_away(targets: np.ndarray, centre: float) -> float:
    """Return a difference that can come from rounding.

    A network rounds standardised values, by their distance from the centre; whoever hands over float32
    rounds by the size of the values, though far from 0 that must not hide what differs.
    """
    away = np.abs(targets - centre)
    # Where more than half of the targets are equal, only the rest has a width.
    away = away[away > 0]
    width = float(np.median(away)) if len(away) else 0.0
    return float(np.clip(ROUNDING * abs(centre), ROUNDING * width, width / 1000))


#: Every figure of a numeric target, with the direction in which it is better.
VALUE_FIGURES: dict[str, tuple[Literal["max", "min"], Figure]] = {
    "rmse": ("min", rmse),
    "mae": ("min", mae),
    "r2": ("max", r2),
    "spearman": ("max", spearman),
}
