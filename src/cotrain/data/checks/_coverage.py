"""How many rows carry a label of each task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain.data.checks._base import Labels, Problem

#: Below this many labelled rows a test part of a fifth says next to nothing.
FEW = 100


def check_coverage(labels: Sequence[Labels]) -> list[Problem]:
    """Return a note per task, a warning where the labels are few, and a note on rows without any.

    Example:
        >>> check_coverage([])
        []
    """
    problems: list[Problem] = []
    for label in labels:
        labelled, n_rows = int(label.labelled.sum()), len(label.labelled)
        share = labelled / n_rows
        text = f"Task {label.task.name!r} is labelled in {labelled:,} of {n_rows:,} rows ({share:.1%})"
        few = labelled < FEW
        problems.append(
            Problem(
                "warning" if few else "note",
                "coverage",
                label.task.name,
                text + (": too few to measure anything well." if few else "."),
                {"labelled": labelled, "share": share},
            )
        )
    if labels:
        any_label = np.stack([label.labelled for label in labels], axis=1)
        without = int((~any_label.any(axis=1)).sum())
        every = int(any_label.all(axis=1).sum())
        alone = " and are learned from by `cotraining:` or `training: {reconstruction: ...}` alone"
        sentence = (
            f"{every:,} of {len(any_label):,} rows have a label of every task, {without:,} have none at all"
            f"{alone if without else ''}."
        )
        problems.append(Problem("note", "coverage", "", sentence, {"every": every, "none": without}))
    return problems
