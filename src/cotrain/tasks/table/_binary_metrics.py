"""Figures of one yes-or-no target: probabilities [N] of yes against targets [N] in {0, 1}.

Each takes weights of the rows as well, [N]: a row of weight 2 counts as two rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from cotrain._base import at_least, beyond, tie_groups
from cotrain.tasks._metric import Weights
from cotrain.tasks.table._calibration_by_chance import error_by_chance

#: (scores, targets, weights) -> value.
Figure = Callable[..., float]


def ranks(values: np.ndarray, spread: float = 0.0) -> np.ndarray:
    """Return the ranks of `values` [N] from 1; what is equal but for rounding shares its mean rank.

    Args:
        values: [N].
        spread: see `tie_groups`.

    Example:
        >>> ranks(np.array([10.0, 30.0, 10.0])).tolist()
        [1.5, 3.0, 1.5]
    """
    groups = tie_groups(values, spread)
    counts = np.bincount(groups)
    return (np.cumsum(counts) - (counts - 1) / 2)[groups]


def weighted_ranks(values: np.ndarray, weights: np.ndarray, spread: float = 0.0) -> np.ndarray:
    """Return the ranks of `values` [N] as if each stood there as often as its weight says.

    Args:
        values: [N].
        weights: [N], ≥ 0.
        spread: see `tie_groups`.

    Example:
        >>> weighted_ranks(np.array([10.0, 30.0]), np.array([2.0, 1.0])).tolist()
        [1.5, 3.0]
    """
    groups = tie_groups(values, spread)
    totals = np.bincount(groups, weights)
    return (np.cumsum(totals) - (totals - 1) / 2)[groups]


def auroc(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the probability that a positive row scores above a negative one, ties counting half.

    Undefined with one class only. With weights each pair counts as the product of its two.

    Example:
        >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
        0.75
    """
    positive = targets > 0.5
    n_positive = int(positive.sum())
    n_negative = len(targets) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    if scores.max() == scores.min():
        return 0.5  # a constant, which is what most figures stand beside: nothing to sort
    if weights is not None:
        groups = tie_groups(scores)
        at = np.bincount(groups, weights * positive)
        negative = np.bincount(groups, weights * ~positive)
        below = np.cumsum(negative) - negative / 2
        return float((at * below).sum() / (at.sum() * negative.sum()))
    above = ranks(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def average_precision(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return Σₙ (Rₙ - Rₙ₋₁) Pₙ over the thresholds; undefined without a positive row."""
    if not (targets > 0.5).any():
        return float("nan")
    groups = tie_groups(scores)
    order = np.argsort(-groups, kind="stable")
    of_row = np.ones(len(scores)) if weights is None else weights[order]
    hits, total = np.cumsum(of_row * (targets[order] > 0.5)), np.cumsum(of_row)
    # One threshold per different score: the last row of each run of equal scores.
    last = np.append(np.flatnonzero(np.diff(groups[order])), len(scores) - 1)
    precision = hits[last] / total[last]
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def above_half(scores: np.ndarray) -> np.ndarray:
    """Return where a probability is more than one half, and not by rounding alone."""
    return scores > beyond(0.5)


def accuracy(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the share of rows on the right side of one half."""
    return _mean(above_half(scores) == (targets > 0.5), weights)


def balanced_accuracy(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the mean recall of the classes that occur."""
    right = above_half(scores) == (targets > 0.5)
    positive = targets > 0.5
    found = [_mean(right, weights, rows) for rows in (positive, ~positive) if rows.any()]
    return float(np.mean(found))


def precision(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the share of right rows among those predicted positive.

    Where none is, it is 0 if there was one to predict, else undefined.
    """
    predicted = above_half(scores)
    if not predicted.any():
        return 0.0 if (targets > 0.5).any() else float("nan")
    return _mean(targets > 0.5, weights, predicted)


def recall(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the share of positive rows that are found; undefined if there is none."""
    positive = targets > 0.5
    return _mean(above_half(scores), weights, positive) if positive.any() else float("nan")


def f1(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return 2 TP / (2 TP + FP + FN) of the positive class; undefined without either."""
    predicted, positive = above_half(scores), targets > 0.5
    of_row = 1 if weights is None else weights
    denominator = (of_row * predicted).sum() + (of_row * positive).sum()
    return float(2 * (of_row * (predicted & positive)).sum() / denominator) if denominator else float("nan")


def log_loss(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the mean of -log p of the true class, p kept away from 0 by 1e-15."""
    true = np.where(targets > 0.5, scores, 1 - scores)
    return -_mean(np.log(np.clip(true, 1e-15, 1.0)), weights)


def brier(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the mean squared difference between probability and outcome."""
    return _mean((scores - targets) ** 2, weights)


def calibration_error(scores: np.ndarray, targets: np.ndarray, weights: Weights = None) -> float:
    """Return the expected calibration error of the probability of yes in 15 equally wide bins."""
    return expected_calibration_error(scores, targets > 0.5, weights=weights)


def expected_calibration_error(
    confidence: np.ndarray, right: np.ndarray, n_bins: int = 15, *, weights: Weights = None
) -> float:
    """Return Σ_bins (rows / N) |mean confidence - share right|.

    Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015,
    https://ojs.aaai.org/index.php/AAAI/article/view/9602.

    Args:
        confidence: [N] in [0, 1].
        right: [N] bool.
        n_bins: number of equally wide bins, ≥ 1.
        weights: [N] how much each row counts.

    Example:
        >>> round(expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
        0.4
    """
    bins = _bins(confidence, n_bins)
    of_row = np.ones(len(confidence)) if weights is None else weights
    gaps = np.bincount(bins, of_row * (confidence - right), minlength=n_bins)
    return float(np.abs(gaps).sum() / of_row.sum())


def calibration_error_by_chance(
    confidence: np.ndarray, targets: np.ndarray, weights: Weights = None, *, n_bins: int = 15
) -> float:
    """Return the `expected_calibration_error` that a perfectly calibrated model would have, see there.

    It is that of labels drawn from these very probabilities, see `error_by_chance`; `targets` say nothing.
    """
    of_row = np.ones(len(confidence)) if weights is None else weights
    bins = _bins(confidence, n_bins)
    sums, squares, said = (
        np.bincount(bins, values, minlength=n_bins) for values in (of_row, of_row**2, of_row * confidence)
    )
    there = sums > 0
    sums, squares, said = sums[there], squares[there], said[there]
    return error_by_chance((said / sums).tolist(), (sums**2 / squares).tolist(), sums.tolist())[0]


def _bins(confidence: np.ndarray, n_bins: int) -> np.ndarray:
    # What lies on the upper edge of a bin is in it, whichever way it was rounded.
    return np.clip(np.ceil(at_least(1.0) * confidence * n_bins).astype(int) - 1, 0, n_bins - 1)


def _mean(values: np.ndarray, weights: Weights, rows: np.ndarray | slice = slice(None)) -> float:
    """Return the (weighted) mean of some rows."""
    return float(np.average(values[rows], weights=None if weights is None else weights[rows]))


#: Every figure of a yes-or-no target, the direction in which it is better, and whether it counts hits.
BINARY_FIGURES: dict[str, tuple[Literal["max", "min"], Figure, bool]] = {
    "auroc": ("max", auroc, False),
    "average_precision": ("max", average_precision, False),
    "accuracy": ("max", accuracy, True),
    "balanced_accuracy": ("max", balanced_accuracy, True),
    "precision": ("max", precision, True),
    "recall": ("max", recall, True),
    "f1": ("max", f1, True),
    "log_loss": ("min", log_loss, False),
    "brier": ("min", brier, False),
    "calibration_error": ("min", calibration_error, False),
}
#: Figures that are not perfect even for a perfect model -> what chance makes of it.
BY_CHANCE: dict[Figure, Figure] = {calibration_error: calibration_error_by_chance}
