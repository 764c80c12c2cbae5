"""What is mistaken for what on the test rows, over the seeds of a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain.evaluation._padded_scores import Truth, truth_beside
from cotrain.tasks import Task
from cotrain.tasks._metric import known_and_weights

#: What of a diagnosis are counts, which add up over seeds.
COUNTS = ("confusion", "labels")


def confusions_of(task: Task, scores: Sequence[np.ndarray], truth: Truth) -> dict[str, Any]:
    """Return the confusion matrix of a task, or what of its labels is found and missed; {} where it has none.

    Counts are sums over the seeds, each of which has all test rows.

    Args:
        task: fitted.
        scores: of the test rows, at each seed.
        truth: targets and mask of these rows.
    """
    diagnosis, records = task.diagnosis(), []
    for one in scores:
        targets, mask = truth_beside(task, truth, one)
        labelled = known_and_weights(mask)[0]
        if not labelled.any():
            return {}
        records.append(diagnosis.record(one, targets, labelled))
    found = diagnosis.summary(np.concatenate(records), task.parts)
    return {name: found[name] for name in COUNTS if name in found}
