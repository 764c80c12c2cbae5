"""The formulas of every metric from all rows at once, written without records: what records must equal."""

from __future__ import annotations

import numpy as np

from cotrain._base import first_largest
from cotrain.tasks.table._binary_metrics import (
    BINARY_FIGURES,
    above_half,
    auroc,
    average_precision,
    expected_calibration_error,
)
from cotrain.tasks.table._ordinal_metrics import levels_of
from cotrain.tasks.table._value_metrics import VALUE_FIGURES


def confusion(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return counts [C + 1, C + 1] of true class (row) and predicted class (column)."""
    size = probabilities.shape[1] + 1
    pairs = targets.astype(np.int64) * size + first_largest(probabilities)
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def class_accuracy(probabilities: np.ndarray, targets: np.ndarray) -> float:
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


def class_log_loss(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean of -log p of the true class; for an unknown class p is that of the least probable."""
    known = targets < probabilities.shape[1]
    of_class = np.take_along_axis(probabilities, np.where(known, targets, 0).astype(int)[:, None], 1)[:, 0]
    true = np.where(known, of_class, probabilities.min(axis=1))
    return float(-np.mean(np.log(np.clip(true, 1e-15, 1.0))))


def class_brier(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean over rows of Σ_c (p_c - [c is true])²; an unknown class adds its own 1."""
    size = probabilities.shape[1]
    hot = np.eye(size + 1)[targets.astype(int)]
    padded = np.pad(probabilities, ((0, 0), (0, 1)))
    return float(np.mean(np.sum((padded - hot) ** 2, axis=1)))


def class_calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error of the largest probability, in 15 equally wide bins."""
    return expected_calibration_error(probabilities.max(axis=1), first_largest(probabilities) == targets)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, np.nan)


def quadratic_kappa(levels: np.ndarray, targets: np.ndarray, n_levels: int) -> float:
    """Return 1 - Σ(i - j)² O_ij / Σ(i - j)² E_ij, the agreement beyond that of independent columns."""
    observed = float(np.mean((levels - targets) ** 2))
    truth = np.bincount(targets.astype(np.int64), minlength=n_levels) / len(targets)
    guess = np.bincount(levels, minlength=n_levels) / len(levels)
    distance = np.subtract.outer(np.arange(n_levels), np.arange(n_levels)) ** 2
    expected = float(truth @ distance @ guess)
    return 1 - observed / expected if expected > 0 else float("nan")


def defined_mean(values):
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def columns(figure):
    def parts(scores, targets, mask):
        return np.array(
            [
                figure(scores[mask[:, t], t], targets[mask[:, t], t]) if mask[:, t].any() else np.nan
                for t in range(targets.shape[1])
            ]
        )

    return parts, lambda *rows: defined_mean(parts(*rows))


def entries(figure):
    return (
        None,
        lambda scores, targets, mask: figure(scores[mask], targets[mask]) if mask.any() else float("nan"),
    )


def match(scores, targets, mask):
    rows = mask.any(axis=1)
    right = (above_half(scores) == (targets > 0.5)) | ~mask
    return float(right[rows].all(axis=1).mean()) if rows.any() else float("nan")


def whole(figure):
    def compute(scores, targets, mask):
        rows = mask[:, 0]
        return figure(scores[rows], targets[rows, 0]) if rows.any() else float("nan")

    return None, compute


def macro(figure, absent):
    def parts(scores, targets, mask):
        rows = mask[:, 0]
        if not rows.any():
            return np.full(scores.shape[1], np.nan)
        return figure(scores[rows], targets[rows, 0])[: scores.shape[1]]

    def compute(scores, targets, mask):
        rows = mask[:, 0]
        if not rows.any():
            return float("nan")
        scores, classes = scores[rows], targets[rows, 0]
        values = figure(scores, classes)
        counts = confusion(scores, classes)
        present = (counts.sum(axis=0) + counts.sum(axis=1) > 0)[: len(values)]
        values = values[present]
        return defined_mean(np.where(np.isnan(values), absent, values))

    return parts, compute


def levels(figure):
    def compute(scores, targets, mask):
        rows = mask[:, 0]
        if not rows.any():
            return float("nan")
        return figure(levels_of(scores[rows]), targets[rows, 0], scores.shape[1])

    return None, compute


def level_recall():
    def parts(scores, targets, mask):
        rows = mask[:, 0]
        right = levels_of(scores[rows]) == targets[rows, 0]
        of_level = [right[targets[rows, 0] == level] for level in range(scores.shape[1])]
        return np.array([float(hits.mean()) if len(hits) else np.nan for hits in of_level])

    return parts, lambda *rows: defined_mean(parts(*rows))


#: kind -> metric -> (its parts or None, itself), each of (scores, targets, mask).
LITERAL = {
    "Binary": {name: columns(figure) for name, (_, figure, _) in BINARY_FIGURES.items()},
    "Multilabel": {
        **{name: columns(figure) for name, (_, figure, _) in BINARY_FIGURES.items()},
        **{f"{name}_micro": entries(figure) for name, (_, figure, _) in BINARY_FIGURES.items()},
        "exact_match": (None, match),
    },
    "Regression": {name: columns(figure) for name, (_, figure) in VALUE_FIGURES.items()},
    "Multiclass": {
        "accuracy": whole(class_accuracy),
        "balanced_accuracy": macro(class_recall, np.nan),
        "f1": macro(class_f1, np.nan),
        "precision": macro(class_precision, 0.0),
        "recall": macro(class_recall, 0.0),
        "auroc": macro(class_auroc, np.nan),
        "average_precision": macro(class_average_precision, np.nan),
        "log_loss": whole(class_log_loss),
        "brier": whole(class_brier),
        "calibration_error": whole(class_calibration_error),
    },
    "Ordinal": {
        "quadratic_kappa": levels(quadratic_kappa),
        "mae": levels(lambda levels, targets, _: float(np.mean(np.abs(levels - targets)))),
        "accuracy": levels(lambda levels, targets, _: float(np.mean(levels == targets))),
        "within_one": levels(lambda levels, targets, _: float(np.mean(abs(levels - targets) <= 1))),
        "balanced_accuracy": level_recall(),
        "log_loss": whole(class_log_loss),
    },
}
