"""Figures of every task on its labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cotrain.evaluation._table import EvaluationRow, EvaluationTable
from cotrain.tasks import Task


def evaluate(
    tasks: Sequence[Task],
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
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
            `Task.reference_output`; `None`: on the rows evaluated, which flatters the constant a little.
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
    rows: list[EvaluationRow] = []
    references: list[EvaluationRow] = []
    for task in tasks:
        name = task.name
        truth = (targets[name], masks[name])
        constant = task.reference_output(*truth) if constants is None else constants[name]
        rows += evaluate_task(task, outputs[name], *truth, parts=parts)
        scores = task.constant_scores(constant.detach(), len(truth[0])).double().cpu().numpy()
        references += evaluate_scores(task, scores, *truth, parts=parts)
    return EvaluationTable(rows).with_reference("constant", EvaluationTable(references))


def evaluate_task(
    task: Task, output: Tensor, targets: Tensor, mask: Tensor, *, parts: bool = False
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
    with torch.no_grad():
        scores = task.scores(output.detach()).double().cpu().numpy()
    return evaluate_scores(task, scores, targets, mask, parts=parts)


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
    truth = task.original(targets).double().cpu().numpy()
    labelled = (mask > 0).cpu().numpy()
    n_rows = int(labelled.any(axis=1).sum())
    # A column's figure stands on its own labels; that of a class stands on all of them.
    by_part = labelled.sum(axis=0).tolist() if labelled.shape[1] == len(task.parts) else None
    rows: list[EvaluationRow] = []
    for metric in task.chosen_metrics():
        records = metric.record(scores, truth, labelled)
        value = metric.value(records)
        rows.append(EvaluationRow(task.name, metric.name, metric.direction, None, n_rows, value))
        if not parts or metric.parts is None or len(task.parts) == 1:
            continue
        for i, part_value in enumerate(metric.parts(records, len(task.parts)).tolist()):
            count = n_rows if by_part is None else by_part[i]
            rows.append(
                EvaluationRow(task.name, metric.name, metric.direction, task.parts[i], count, part_value)
            )
    return rows
