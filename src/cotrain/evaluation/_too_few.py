"""When there are too few labelled rows for any word."""

from __future__ import annotations

import numpy as np

from cotrain.evaluation._resampling_units import resampling_units, unit_of
from cotrain.tasks import Task
from cotrain.tasks._entries import rows_with_label

#: Units (rows, groups, blocks) below which a t interval from a bootstrap leans on nothing.
LEAST_UNITS = 10
#: Positives and negatives, or rows outside the largest class. AUROC with 3 positives gave false words in 10 %
#: of comparisons, with 5 and more in 5 %.
LEAST_OF_A_CLASS = 5


def too_few_to_tell(
    task: Task,
    targets: np.ndarray,
    mask: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
    part: str = "test",
) -> str:
    """Return why nothing can be said of a task on these rows; "" where something can.

    Nothing is said with fewer than 10 labelled rows, groups or blocks of time; for labels, if most of them
    have fewer than 5 positives or 5 negatives; for classes, if fewer than 5 rows are outside the largest one.
    Where whole groups or blocks are resampled these are counted instead of rows.

    Args:
        task: a fitted task.
        targets: [N, T] as `Task.original` gives them.
        mask: [N, T] bool, True where labelled, or weights ≥ 0 of the rows.
        groups: see `paired_bootstrap`.
        times: see `paired_bootstrap`.
        part: what the rows are called.

    Example:
        >>> from cotrain.tasks import Binary
        >>> labels = np.array([[1.0]] * 3 + [[0.0]] * 97)
        >>> too_few_to_tell(Binary("sold"), labels, np.ones((100, 1), bool))
        '3 positives in the test rows; 5 are needed'
    """
    unit, mask = unit_of(groups, times), mask > 0
    labelled = np.flatnonzero(rows_with_label(mask))
    units = resampling_units(labelled, groups, times)

    def count(rows: np.ndarray) -> int:
        return len(np.unique(units[rows]))

    n_units = count(np.ones(len(labelled), bool))
    if n_units < LEAST_UNITS:
        return f"{_many(n_units, f'labelled {part} {unit}')}; {LEAST_UNITS} are needed"
    among = "" if unit == "rows" else f" {unit} with"
    if task.has_classes and not task.class_names:
        positive = (targets > 0.5)[labelled] & mask[labelled]
        negative = ~(targets > 0.5)[labelled] & mask[labelled]
        least = [min((count(positive[:, t]), 0), (count(negative[:, t]), 1)) for t in range(targets.shape[1])]
        rare = [pair for pair in least if pair[0] < LEAST_OF_A_CLASS]
        if 2 * len(rare) > len(least):
            fewest, which = min(rare)
            what = ("positives", "negatives")[which]
            of_most = f"most labels have too few positives or negatives, one of them {fewest} "
            said = f"{fewest}{among} " if len(least) == 1 else of_most
            return f"{said}{what} in the {part} rows; {LEAST_OF_A_CLASS} are needed"
    if task.class_names and task.reads == "vector":
        classes = targets[labelled].reshape(len(labelled), -1)[:, 0]
        values, counts = np.unique(classes, return_counts=True)
        outside = count(classes != values[counts.argmax()])
        if outside < LEAST_OF_A_CLASS:
            what = "rows" if unit == "rows" else f"{unit} with rows"
            return f"{outside} {part} {what} outside the largest class; {LEAST_OF_A_CLASS} are needed"
    return ""


def _many(n: int, what: str) -> str:
    """Return a number with its noun, in the singular for 1."""
    if n != 1:
        return f"{n} {what}"
    return f"1 {what.replace('blocks', 'block')}" if "blocks" in what else f"1 {what.removesuffix('s')}"
