"""Figures of every task on its labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from torch import Tensor

from cotrain._base._ragged import Leaf, Leaves
from cotrain.evaluation._records import TaskRecords
from cotrain.evaluation._table import EvaluationRow, EvaluationTable
from cotrain.tasks import Task


@final
class Evaluation:
    """Figures of a model on rows that arrive in batches, those of the best constant beside them.

    Args:
        tasks: fitted tasks.
        constants: task -> [O], the best constant output on the *training* labels, from
            `Task.best_constant`.
        diagnosis: whether to keep what `Task.diagnosis` needs.
        n_rows: how many rows will come, if that is known.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task, frame = Regression("y"), pl.DataFrame({"y": [1.0, 2.0, 3.0, None]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> evaluation = Evaluation([task], {"y": task.best_constant(targets, mask)})
        >>> for rows in (slice(0, 2), slice(2, 4)):
        ...     evaluation.add({"y": targets[rows] * 0.5}, {"y": targets[rows]}, {"y": mask[rows]})
        >>> print(evaluation.table())
        task  metric  labelled  model  constant
        y     rmse           3  0.408     0.816
        y     r2             3  0.750     0.000
        y     mae            3  0.333     0.667
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        constants: Mapping[str, Tensor],
        *,
        diagnosis: bool = False,
        n_rows: int | None = None,
    ) -> None:
        self.tasks, self.constants = list(tasks), constants
        self.records = {
            task.name: TaskRecords(task, diagnosis=diagnosis, n_rows=n_rows) for task in self.tasks
        }
        self.references = {task.name: TaskRecords(task, n_rows=n_rows) for task in self.tasks}

    def add(self, outputs: Leaves, targets: Leaves, masks: Leaves) -> None:
        """Take rows.

        Args:
            outputs: task -> [B, O] from its head.
            targets: task -> [B, T] in the coding of `Task.encode`.
            masks: task -> [B, T], True where labelled.
        """
        for name in self.records:
            self.records[name].add(outputs[name], targets[name], masks[name])
            self.references[name].add_constant(self.constants[name], targets[name], masks[name])

    def table(self, *, parts: bool = False, rows: np.ndarray | None = None) -> EvaluationTable:
        """Return a row per task and metric.

        Args:
            parts: also one per column, label or class.
            rows: numbers of the rows that the figures are about, the tasks without a label among them left
                out; `None`: all rows and tasks.
        """
        found, constant = (
            [
                row
                for records in of.values()
                if rows is None or records.labelled[rows].any()
                for row in records.rows(parts=parts, of=rows)
            ]
            for of in (self.records, self.references)
        )
        return EvaluationTable(found).with_reference("constant", EvaluationTable(constant))


def evaluate(
    tasks: Sequence[Task],
    outputs: Leaves,
    targets: Leaves,
    masks: Leaves,
    *,
    constants: Mapping[str, Tensor] | None = None,
    parts: bool = False,
) -> EvaluationTable:
    """Evaluate the outputs of a model, with the best constant prediction beside them.

    Args:
        tasks: fitted tasks.
        outputs: task -> [N, O] from its head.
        targets: task -> [N, T] in the coding of `Task.encode`.
        masks: task -> [N, T], True where labelled.
        constants: task -> [O], the best constant output on the *training* labels, from
            `Task.best_constant`; `None`: on the rows evaluated, which flatters the constant a little.
        parts: also a row per column, label or class.

    Returns:
        A row per task and metric.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task = Regression("y")
        >>> frame = pl.DataFrame({"y": [1.0, 2.0, 3.0, None]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> print(evaluate([task], {"y": targets * 0.5}, {"y": targets}, {"y": mask}))
        task  metric  labelled  model  constant
        y     rmse           3  0.408     0.816
        y     r2             3  0.750     0.000
        y     mae            3  0.333     0.667
    """
    if constants is None:
        constants = {task.name: task.best_constant(targets[task.name], masks[task.name]) for task in tasks}
    evaluation = Evaluation(tasks, constants)
    evaluation.add(outputs, targets, masks)
    return evaluation.table(parts=parts)


def evaluate_task(
    task: Task, output: Leaf, targets: Leaf, mask: Leaf, *, parts: bool = False
) -> list[EvaluationRow]:
    """Return the figures of one task.

    Args:
        task: a fitted task.
        output: [N, O] from its head.
        targets: [N, T] in the coding of `Task.encode`.
        mask: [N, T], True where labelled.
        parts: also a row per column, label or class, where the metric comes apart.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task, frame = Regression("y"), pl.DataFrame({"y": [1.0, 2.0, 3.0]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> evaluate_task(task, targets, targets, mask)[0].value
        0.0
    """
    records = TaskRecords(task, n_rows=len(output))
    records.add(output, targets, mask)
    return records.rows(parts=parts)


def evaluate_scores(
    task: Task, scores: np.ndarray, targets: Tensor, mask: Tensor, *, parts: bool = False
) -> list[EvaluationRow]:
    """Return the figures of one task from scores, as other models such as trees give them.

    Args:
        task: a fitted task.
        scores: [N, ...] in the unit of `Task.scores`.
        targets: [N, T] in the coding of `Task.encode`.
        mask: [N, T], True where labelled.
        parts: also a row per column, label or class, where the metric comes apart.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> task, frame = Regression("y"), pl.DataFrame({"y": [1.0, 2.0, 3.0]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> row = evaluate_scores(task, np.array([[2.0], [2.0], [2.0]]), targets, mask)[-1]
        >>> row.metric, round(row.value, 3)
        ('mae', 0.667)
    """
    records = TaskRecords(task, n_rows=len(scores))
    records.add_scores(scores, targets, mask)
    return records.rows(parts=parts)
