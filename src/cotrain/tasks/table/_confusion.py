"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cotrain._base import first_largest
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks.table._calibration_bins import calibration_bins
from cotrain.tasks.table._class_metrics import labelled, of_labelled

#: Classes beyond these are counted together as "other": a larger matrix cannot be read.
MOST_CLASSES = 15


#: Probabilities [N, C] -> the class that is predicted of each row, [N].
Decide = Callable[[np.ndarray], np.ndarray]


def confusion(decide: Decide = first_largest) -> Diagnosis:
    """Make the diagnosis of a target with classes.

    Its summary has `confusion` (`names`, `counts[true][predicted]`, and `right`, how many rows are) and
    `calibration` of the probability of what is predicted; it is empty where nothing is labelled.

    Args:
        decide: what is predicted; default the most probable class.

    Example:
        >>> found = confusion()
        >>> probabilities, truth = np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[0], [0]])
        >>> records = found.record(probabilities, truth, np.ones((2, 1), bool))
        >>> found.summary(records, ["cat", "dog"])["confusion"]
        {'names': ['cat', 'dog'], 'counts': [[1, 1], [0, 0]], 'right': 1}
    """
    return Diagnosis(partial(_record, decide=decide), _summary)


def _record(
    probabilities: np.ndarray, targets: np.ndarray, mask: np.ndarray, *, decide: Decide
) -> np.ndarray:
    """Return true class, predicted class and its probability, [B, 3]."""
    rows = mask[:, 0]
    likely = probabilities[rows]
    predicted = decide(likely)
    sure = np.take_along_axis(likely, predicted[:, None], axis=1)[:, 0]
    return of_labelled(rows, np.stack([targets[rows, 0], predicted, sure], axis=1))


def _summary(records: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    truth, predicted, confidence = labelled(records).T
    if not len(truth):
        return {}
    return {
        "confusion": confusion_matrix(names, truth.astype(int), predicted.astype(int)),
        "calibration": calibration_bins(confidence, predicted == truth),
    }


def confusion_matrix(names: Sequence[str], truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Return the names and counts of the most frequent classes, the others being one, and the rows right.

    One of the other classes may be taken for another one of them, which the matrix does not show.

    Args:
        names: of the C classes.
        truth: int [N] in [0, C]; C is a class that training rows did not have.
        predicted: int [N] in [0, C).
    """
    n_classes = len(names)
    n_true = np.bincount(np.minimum(truth, n_classes), minlength=n_classes)[:n_classes]
    kept = np.sort(np.argsort(-n_true, kind="stable")[:MOST_CLASSES])
    # Before the pairs are counted: a matrix of thousands of classes is larger than the rows.
    place = np.full(n_classes + 1, len(kept))
    place[kept] = np.arange(len(kept))
    size = len(kept) + 1
    pairs = place[np.minimum(truth, n_classes)] * size + place[predicted]
    counts = np.bincount(pairs, minlength=size * size).reshape(size, size)
    shown, right = [str(names[i]) for i in kept], int((truth == predicted).sum())
    if counts[-1].any() or counts[:, -1].any():
        return {"names": [*shown, "(other)"], "counts": counts.tolist(), "right": right}
    return {"names": shown, "counts": counts[:-1, :-1].tolist(), "right": right}
