"""What every check gives, and the labels that they look at."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from torch import Tensor

from cotrain._base import DataError
from cotrain._base._ragged import Leaf, Ragged, labelled_rows
from cotrain.tasks import Task

#: An error stops training, a warning deserves a look, a note informs.
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Problem:
    """Something that a check found.

    Args:
        severity: "error", "warning" or "note".
        check: which check: "coverage", "classes", "leakage", "columns", "duplicates", "drift",
            "groups", "sources", "weights" or "target".
        subject: the task or column concerned.
        sentence: what was found and what to do.
        values: the figures behind it, as plain JSON values.

    Example:
        >>> Problem("warning", "duplicates", "table", "3 rows stand twice: drop them.").severity
        'warning'
    """

    severity: Severity
    check: str
    subject: str
    sentence: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """The labels of one task over the whole table.

    Args:
        task: a copy of the task that has learned its coding from all rows.
        targets: [N, T] in the coding of the task; of rows with many entries, such as tags, all entries below
            one another, [M, 1]; none where a label is more than one number.
        mask: of the same shape, True = labelled.
        rows: which rows have a label, [N]; default: any of their T.

    Example:
        >>> from cotrain.tasks import Regression
        >>> Labels(Regression("price"), np.zeros((2, 1)), np.ones((2, 1), bool)).is_classes
        False
    """

    task: Task
    targets: np.ndarray
    mask: np.ndarray
    rows: np.ndarray | None = None

    @property
    def labelled(self) -> np.ndarray:
        """Which rows have a label, bool [N]."""
        return np.asarray(self.mask.any(axis=1)) if self.rows is None else self.rows

    @property
    def has_entries(self) -> bool:
        """Whether a row has many entries, so that the targets are no table of the rows."""
        return self.rows is not None

    @property
    def is_classes(self) -> bool:
        """Whether the targets are classes or labels, not numbers."""
        return self.task.has_classes


def read_labels(frame: pl.DataFrame, tasks: Sequence[Task]) -> tuple[list[Labels], list[Problem]]:
    """Return the labels of the tasks that can be read, and a problem for each one that cannot.

    Example:
        >>> from cotrain.tasks import Regression
        >>> labels, problems = read_labels(pl.DataFrame({"price": [1.0, None, 3.0]}), [Regression("price")])
        >>> labels[0].mask.flatten().tolist(), problems
        ([True, False, True], [])
    """
    labels, problems = [], []
    for task in tasks:
        fitted = copy.deepcopy(task)
        try:
            fitted.fit(frame)
            targets, mask = fitted.encode(frame)
        except DataError as error:
            problems.append(Problem("error", "target", task.name, str(error)))
        else:
            labels.append(_labels(fitted, targets, mask))
    return labels, problems


def _labels(task: Task, targets: Leaf, mask: Leaf) -> Labels:
    tensors = isinstance(targets, Tensor) and isinstance(mask, Tensor)
    if tensors and targets.shape == mask.shape and targets.dim() == 2:
        return Labels(task, targets.numpy(), mask.numpy() > 0)
    rows = labelled_rows(mask).numpy()
    entries = (leaf.values if isinstance(leaf, Ragged) else leaf for leaf in (targets, mask))
    flat = [entry.reshape(-1, 1).numpy() for entry in entries]
    if len(flat[0]) != len(flat[1]):
        # A label is more than one number, such as a box or a text: it is counted, and is no class.
        return Labels(task, np.zeros((0, 1)), np.zeros((0, 1), bool), rows)
    return Labels(task, flat[0], flat[1] > 0, rows)
