"""What learning together did to each task, in a sentence that the figures bear out."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from cotrain.comparison.runs._result import TaskVerdict
from cotrain.evaluation import Difference, EvaluationTable, figure, paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples


def verdicts(
    tasks: list[Task],
    test: Examples,
    table: EvaluationTable,
    joint: Mapping[str, Tensor],
    alone: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
) -> list[TaskVerdict]:
    """Say for each task what can be said.

    "helped" and "hurt" need a 95 % interval of the difference to the single-task network that leaves out 0,
    "better" and "worse than a constant" one of the difference to the constant. With one seed that interval
    is about these two predictors; `cotrain compare` repeats with several seeds.

    Args:
        tasks: fitted tasks.
        test: the test rows.
        table: test figures with the references.
        joint: task -> outputs [N, O] of the joint network on the test rows.
        alone: task -> outputs of the single-task networks; tasks may be missing.
        constants: task -> [O], the best constant output on the training labels.
    """
    return [
        _against_single_task(task, test, table, joint[task.name], alone=alone[task.name])
        if task.name in alone
        else _against_references(task, test, table, joint[task.name], constant=constants[task.name])
        for task in tasks
    ]


def _difference(task: Task, test: Examples, first: Tensor, second: Tensor) -> Difference:
    """Compare two predictions by their scores, as the task's metrics look at them."""
    return paired_bootstrap(
        task.chosen_metrics()[0],
        [first.double().numpy()],
        [second.double().numpy()],
        task.original(test.targets[task.name]).double().numpy(),
        mask=(test.masks[task.name] > 0).numpy(),
    )


def _against_single_task(
    task: Task, test: Examples, table: EvaluationTable, joint: Tensor, alone: Tensor
) -> TaskVerdict:
    row, found = table.row(task.name), _difference(task, test, task.scores(joint), task.scores(alone))
    if math.isnan(found.low):
        return TaskVerdict(task.name, row.metric, "unknown", f"{task.name}: too few test labels to tell.")
    word = "helped" if found.low > 0 else "hurt" if found.high < 0 else "no clear difference"
    sentence = (
        f"{task.name}: {word} ({row.metric} {figure(row.value)} together, "
        f"{figure(row.references['single_task'])} alone; difference {found.value:+.3g} "
        f"[{found.low:+.3g}, {found.high:+.3g}], positive = together is better)."
    )
    return TaskVerdict(
        task.name, row.metric, word, sentence, difference=found.value, interval=(found.low, found.high)
    )


def _against_references(
    task: Task, test: Examples, table: EvaluationTable, joint: Tensor, constant: Tensor
) -> TaskVerdict:
    name = task.name
    if name not in table.tasks:
        return TaskVerdict(name, task.chosen_metrics()[0].name, "unknown", f"{name}: there is no test row.")
    row, constants = table.row(name), task.constant_scores(constant, len(joint))
    found = _difference(task, test, task.scores(joint), constants)
    if math.isnan(found.low):
        return TaskVerdict(name, row.metric, "unknown", f"{name}: too few test labels to tell.")
    word = "no clear difference from a constant"
    if found.low > 0 or found.high < 0:
        word = "better than a constant" if found.low > 0 else "worse than a constant"
    trees = row.references.get("trees", math.nan)
    sign = 1 if row.direction == "max" else -1
    behind = ", behind the trees" if sign * (trees - row.value) > 0 else ""
    shown = ", ".join(f"{reference} {figure(value)}" for reference, value in row.references.items())
    return TaskVerdict(
        name, row.metric, word, f"{name}: {word}{behind} ({row.metric} {figure(row.value)}; {shown})."
    )
