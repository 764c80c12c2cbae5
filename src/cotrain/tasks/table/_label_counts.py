"""How often each yes-or-no label is right and wrong, either way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from cotrain.tasks._decision import HALF, Decision, above
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks.table._calibration_bins import calibration_bins
from cotrain.tasks.table._column_metrics import column_record, columns_of

MOST_LABELS = 30


def label_counts(decision: Decision | None = None) -> Diagnosis:
    """Make the diagnosis of yes-or-no labels.

    Its summary has `labels` (counts of right and wrong per label, and the `threshold` beyond which it is a
    yes) and `calibration` of the probability of yes; it is empty where nothing is labelled.

    Args:
        decision: where yes begins; `None`: beyond one half.

    Example:
        >>> found = label_counts()
        >>> records = found.record(np.array([[0.9], [0.8]]), np.array([[1.0], [0.0]]), np.ones((2, 1), bool))
        >>> found.summary(records, ["y"])["labels"][0]
        {'name': 'y', 'threshold': 0.5, 'true_positive': 1, 'false_positive': 1, 'false_negative': 0, \
'true_negative': 0}
    """
    return Diagnosis(column_record, partial(_summary, decision=decision))


def _summary(records: np.ndarray, names: Sequence[str], *, decision: Decision | None) -> dict[str, Any]:
    scores, targets, mask = columns_of(records)
    if not mask.any():
        return {}
    limits = (HALF,) if decision is None else decision.thresholds
    thresholds = np.broadcast_to(np.array(limits), len(names)).tolist()
    return {
        "labels": _labels(names, thresholds, above(decision, scores), targets, mask=mask),
        "calibration": calibration_bins(scores[mask], targets[mask]),
    }


def _labels(
    names: Sequence[str],
    thresholds: Sequence[float],
    predicted: np.ndarray,
    targets: np.ndarray,
    *,
    mask: np.ndarray,
) -> list[dict[str, Any]]:
    positive = targets > 0.5
    n_positive = (positive & mask).sum(axis=0)
    kept = np.sort(np.argsort(-n_positive, kind="stable")[:MOST_LABELS])

    def count(i: int, rows: np.ndarray) -> int:
        return int((rows[:, i] & mask[:, i]).sum())

    return [
        {
            "name": str(names[i]),
            "threshold": thresholds[i],
            "true_positive": count(i, positive & predicted),
            "false_positive": count(i, ~positive & predicted),
            "false_negative": count(i, positive & ~predicted),
            "true_negative": count(i, ~positive & ~predicted),
        }
        for i in kept
    ]
