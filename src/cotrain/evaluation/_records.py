"""What is kept of the rows of an evaluation: a small record of each, for every metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Leaf, Ragged, padded
from cotrain._base._row_buffer import RowBuffer
from cotrain.evaluation._table import EvaluationRow
from cotrain.tasks import Diagnosis, Metric, Task
from cotrain.tasks._entries import of_length
from cotrain.tasks._metric import known_and_weights

#: Most scores that are looked at together: 8 MB of float64, and a few times that while metrics work on them.
SCORES_AT_A_TIME = 2**20
#: Most numbers that the records of one function may hold, 2 GiB: beyond, the question is a wrong one.
MOST_NUMBERS = 2**28

Record = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@final
class TaskRecords:
    """The records of one task on rows that arrive in batches.

    Memory grows with the rows and the numbers of a record, never with rows × outputs, unless a metric's
    record is as wide as the outputs: that of an AUROC over classes or labels is.

    Args:
        task: a fitted task.
        metrics: those to keep records for; `None`: those that the task reports.
        diagnosis: whether records for `Task.diagnosis` are kept too.
        n_rows: how many rows will come, if that is known: then too wide a record is refused at once.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task, frame = Regression("y"), pl.DataFrame({"y": [1.0, 2.0, 3.0]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> records = TaskRecords(task)
        >>> for row in range(3):
        ...     part = slice(row, row + 1)
        ...     records.add(targets[part] * 0.5, targets[part], mask[part])
        >>> [(row.metric, round(row.value, 3)) for row in records.rows()]
        [('rmse', 0.408), ('r2', 0.75), ('mae', 0.333)]
    """

    def __init__(
        self,
        task: Task,
        metrics: Sequence[Metric] | None = None,
        *,
        diagnosis: bool = False,
        n_rows: int | None = None,
    ) -> None:
        self.task = task
        self.metrics = task.chosen_metrics() if metrics is None else list(metrics)
        self.n_rows = n_rows
        self._diagnosis: Diagnosis | None = task.diagnosis() if diagnosis else None
        # Metrics that share a record function share its records.
        functions: dict[Record, str] = {metric.record: metric.name for metric in self.metrics}
        # By name: a task that knows its tags makes its metrics anew whenever they are asked for.
        self._functions = {metric.name: metric.record for metric in self.metrics}
        if self._diagnosis is not None:
            functions.setdefault(self._diagnosis.record, "diagnosis")
        self._names = functions
        self._records = {function: RowBuffer(n_rows) for function in functions}
        self._labelled = RowBuffer(n_rows)
        self._weights = RowBuffer(n_rows)
        self._classes = RowBuffer(n_rows) if task.has_classes and task.reads == "vector" else None

    def add(self, output: Leaf, targets: Leaf, mask: Leaf) -> None:
        """Take rows.

        Args:
            output: [B, ...] from the task's head, or B ragged rows.
            targets: [B, ...] in the coding of `Task.encode`.
            mask: [B, ...], True where labelled, or weights ≥ 0: that of a row is the largest of its entries.

        Raises:
            InvalidArgumentError: the records would not fit into memory.
        """
        for rows in _parts_of(output):
            of_rows = padded(output[rows])
            with torch.no_grad():
                scores = self.task.scores(of_rows.detach()).double().cpu().numpy()
            truth = [padded(leaf[rows]) for leaf in (targets, mask)]
            if self.task.per_position:
                truth = [of_length(entries, of_rows) for entries in truth]
            self.add_scores(scores, *truth)

    def add_constant(self, output: Tensor, targets: Leaf, mask: Leaf) -> None:
        """Take rows for all of which the output is the same, [O]."""
        size = max(1, SCORES_AT_A_TIME // max(1, _entries_of_row(targets, self.task) * len(output)))
        for start in range(0, len(targets), size):
            truth = [padded(leaf[start : start + size]) for leaf in (targets, mask)]
            shape = truth[1].shape if self.task.per_position else truth[1].shape[:1]
            scores = self.task.constant_scores(output.detach(), *shape)
            self.add_scores(scores.double().cpu().numpy(), *truth)

    def add_scores(self, scores: np.ndarray, targets: Tensor, mask: Tensor) -> None:
        """Take rows by their scores, [B, ...] in the unit of `Task.scores`."""
        truth = self.task.original(targets).double().cpu().numpy()
        labelled, weights = known_and_weights(mask.cpu().numpy())
        if weights is not None:
            self._weights.append(weights[:, None])
        for function, kept in self._records.items():
            records = function(scores, truth, labelled)
            self._require_room(function, records)
            kept.append(records)
        self._labelled.append(self.task.labelled_by_part(labelled))
        if self._classes is not None:
            self._classes.append(np.where(labelled, truth, -1).astype(np.int32))

    def _require_room(self, function: Record, records: np.ndarray) -> None:
        width, n_rows = records.shape[1], len(self._records[function]) + len(records)
        n_rows = max(n_rows, self.n_rows or 0)
        if n_rows * width > MOST_NUMBERS:
            raise InvalidArgumentError(
                f"Task {self.task.name!r}: {self._names[function]} keeps {width} numbers of each of "
                f"{n_rows} rows, {n_rows * width * 8 / 2**30:.0f} GiB in all: choose other metrics=[...], "
                "which keep one or two, or evaluate fewer rows."
            )

    @property
    def labelled(self) -> np.ndarray:
        """Whether each row has a label, bool [N]."""
        return np.logical_or.reduce(self._by_part, axis=1)

    @property
    def weights(self) -> np.ndarray | None:
        """How much each row counts, float64 [N]; `None`: all alike."""
        return self._weights.array[:, 0] if len(self._weights) else None

    @property
    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes (of other tasks zeros) and where labels are, [N, T] each: what `too_few_to_tell` counts."""
        if self._classes is None:
            return np.zeros((len(self.labelled), 1)), self.labelled[:, None]
        classes = self._classes.array if len(self._classes) else np.zeros((0, 1), dtype=np.int32)
        return classes, classes >= 0

    @property
    def _by_part(self) -> np.ndarray:
        return self._labelled.array if len(self._labelled) else np.zeros((0, 1), dtype=bool)

    def of(self, metric: Metric) -> np.ndarray:
        """Return the records of a metric, [N, R]."""
        return self._records[self._functions[metric.name]].array

    def value(self, metric: Metric) -> float:
        """Return the value of a metric on all rows; NaN where none is labelled."""
        return metric.value_of(self.of(metric), self.weights) if self.labelled.any() else float("nan")

    def diagnosis(self) -> dict[str, Any]:
        """Return what `Task.diagnosis` shows; empty where none is labelled or no records were kept for it."""
        if self._diagnosis is None or not self.labelled.any():
            return {}
        return self._diagnosis.summary(self._records[self._diagnosis.record].array, self.task.parts)

    def rows(self, *, parts: bool = False, of: np.ndarray | None = None) -> list[EvaluationRow]:
        """Return the figures.

        Args:
            parts: also a row per column, label or class, where the metric comes apart.
            of: numbers of the rows that they are about; `None`: all.
        """
        task, found = self.task, []
        kept = slice(None) if of is None else of
        by_part = self._by_part[kept]
        weights = None if self.weights is None else self.weights[kept]
        n_rows, counts = int(by_part.any(axis=1).sum()), by_part.sum(axis=0)
        for metric in self.metrics:
            records = self.of(metric)[kept] if n_rows else None
            value = float("nan") if records is None else metric.value_of(records, weights)
            chance = None if records is None else metric.chance_of(records, weights)
            row = EvaluationRow(task.name, metric.name, metric.direction, None, n_rows, value)
            found.append(row if chance is None else replace(row, by_chance=chance))
            if not parts or metric.parts is None or len(task.parts) == 1 or records is None:
                continue
            values = metric.parts_of(records, len(task.parts), weights).tolist()
            of_part = np.broadcast_to(counts, len(task.parts)).tolist()
            found += [
                EvaluationRow(task.name, metric.name, metric.direction, part, n_labelled, value)
                for part, n_labelled, value in zip(task.parts, of_part, values, strict=True)
            ]
        return found


def _parts_of(output: Leaf) -> list[slice]:
    """Return slices of rows whose scores are few enough to be looked at together."""
    longest = int(output.lengths.max()) if isinstance(output, Ragged) and len(output) else 1
    values = output.values if isinstance(output, Ragged) else output
    of_row = longest * values[:1].numel()
    size = max(1, SCORES_AT_A_TIME // max(1, of_row))
    return [slice(start, start + size) for start in range(0, max(1, len(output)), size)]


def _entries_of_row(targets: Leaf, task: Task) -> int:
    if task.reads == "vector":
        return 1
    if isinstance(targets, Ragged):
        return int(targets.lengths.max()) if len(targets) else 1
    return targets[:1].numel()
