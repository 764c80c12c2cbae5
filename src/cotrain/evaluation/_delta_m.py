"""One number for many tasks: the mean relative gain over training each task alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.evaluation._table import EvaluationTable

DEFINITION = (
    "delta_m: mean over tasks of the mean relative gain over single-task, (value - single_task) / "
    "|single_task| with the sign turned where smaller is better; positive = better."
)


@final
@dataclass(frozen=True)
class DeltaM:
    """The gain of a joint model over one model per task.

    Args:
        value: mean over tasks, a fraction (0.01 = 1 %); NaN if no task can be compared.
        per_task: mean over the metrics of each task; NaN where none can be compared.
        per_metric: mean over all metrics of all tasks, where a task with more metrics counts more.
        worst_task: the task with the least gain; `None` if no task can be compared.
        definition: what the number means, to be printed with it.

    Example:
        >>> found = DeltaM(0.05, {"a": 0.1, "b": 0.0}, 0.05, "b")
        >>> found.worst_task, f"{found.value:+.1%}"
        ('b', '+5.0%')
    """

    value: float
    per_task: dict[str, float]
    per_metric: float
    worst_task: str | None
    definition: str = DEFINITION

    def __str__(self) -> str:
        left_out = [task for task, gain in self.per_task.items() if math.isnan(gain)]
        note = f" Left out, because there is nothing to compare: {', '.join(left_out)}." if left_out else ""
        n_tasks = len(self.per_task) - len(left_out)
        if not n_tasks:
            return f"delta_m is not defined: there is no task that can be compared.{note}"
        return f"delta_m = {self.value:+.2%} over {n_tasks} tasks. {self.definition}{note}"


def delta_m(
    values: Mapping[str, Mapping[str, float]],
    single_task_values: Mapping[str, Mapping[str, float]],
    directions: Mapping[str, Literal["max", "min"]],
) -> DeltaM:
    """Compare a joint model with one model per task.

        Δₘ = mean over tasks of  mean over metrics of  ± (v - s) / |s|

    with v the joint model's value, s that of the single-task model, and - where smaller is better. Maninis,
    Radosavovic and Kokkinos, "Attentive Single-Tasking of Multiple Tasks", 2019,
    https://arxiv.org/abs/1904.08918. A pair with a NaN or with s = 0 is left out. Metrics that can be near
    0, such as R², make it jump: RMSE is the better choice beside it.

    Args:
        values: task -> metric -> value of the joint model.
        single_task_values: the same for the single-task models.
        directions: metric -> whether a larger or a smaller value is better.

    Raises:
        InvalidArgumentError: if a task or metric has no single-task value, or a metric no direction.

    Example:
        >>> joint = {"a": {"auroc": 0.84}, "b": {"rmse": 9.0}}
        >>> single = {"a": {"auroc": 0.80}, "b": {"rmse": 10.0}}
        >>> print(delta_m(joint, single, {"auroc": "max", "rmse": "min"}))
        delta_m = +7.50% over 2 tasks. delta_m: mean over tasks of the mean relative gain ...
    """
    per_task: dict[str, float] = {}
    everything: list[float] = []
    for task, metrics in values.items():
        gains = []
        for metric, value in metrics.items():
            if metric not in single_task_values.get(task, {}):
                raise InvalidArgumentError(
                    f"delta_m: there is no single-task value of {metric!r} for task {task!r}: "
                    "train it alone too."
                )
            if metric not in directions:
                raise InvalidArgumentError(f"delta_m: the direction of {metric!r} is not given.")
            gains.append(_relative_change(value, single_task_values[task][metric], directions[metric]))
        known = [gain for gain in gains if not math.isnan(gain)]
        everything += known
        per_task[task] = float(np.mean(known)) if known else math.nan
    comparable = {task: gain for task, gain in per_task.items() if not math.isnan(gain)}
    return DeltaM(
        value=float(np.mean(list(comparable.values()))) if comparable else math.nan,
        per_task=per_task,
        per_metric=float(np.mean(everything)) if everything else math.nan,
        worst_task=min(comparable, key=lambda task: comparable[task]) if comparable else None,
    )


def delta_m_of(table: EvaluationTable, reference: str = "single_task") -> DeltaM:
    """Compute `delta_m` from a table, by the selecting metric of each task.

    Args:
        table: has the single-task figures as a reference.
        reference: what they are called there.

    Raises:
        InvalidArgumentError: the table has no such reference.

    Example:
        >>> from cotrain.evaluation import EvaluationRow
        >>> row = EvaluationRow("a", "auroc", "max", None, 9, 0.84, {"single_task": 0.8})
        >>> round(delta_m_of(EvaluationTable([row])).value, 6)
        0.05
    """
    if reference not in table.references:
        raise InvalidArgumentError(
            f"delta_m: the table has no reference {reference!r}, it has {table.references}: add it with "
            "with_reference."
        )
    rows = [table.row(task) for task in table.tasks]
    # A metric of one's own may be better larger in one task and smaller in another: named by its task.
    return delta_m(
        {row.task: {row.task: row.value} for row in rows},
        {row.task: {row.task: row.references.get(reference, math.nan)} for row in rows},
        {row.task: row.direction for row in rows},
    )


def _relative_change(value: float, single: float, direction: Literal["max", "min"]) -> float:
    if math.isnan(value) or math.isnan(single) or single == 0:
        return math.nan
    return (value - single) / abs(single) * (1 if direction == "max" else -1)
