"""What learning together did to each task, in a sentence that the figures bear out."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from cotrain.comparison._outcome import TaskVerdict
from cotrain.evaluation import EvaluationTable, figure, paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples


def verdicts(
    tasks: list[Task],
    test: Examples,
    table: EvaluationTable,
    joint: Mapping[str, Tensor],
    alone: Mapping[str, Tensor],
) -> list[TaskVerdict]:
    """Say for each task what can be said.

    "helped" and "hurt" need a 95 % interval of the difference to the single-task network that leaves out 0.
    With one seed that interval is about these two networks; `cotrain compare` repeats with several seeds.

    Args:
        tasks: fitted tasks.
        test: the test rows.
        table: test figures with the references.
        joint: task -> outputs [N, O] of the joint network on the test rows.
        alone: task -> outputs of the single-task networks; tasks may be missing.
    """
    return [
        _against_single_task(task, test, table, joint[task.name], alone[task.name])
        if task.name in alone
        else _against_references(task, table)
        for task in tasks
    ]


def _against_single_task(
    task: Task, test: Examples, table: EvaluationTable, joint: Tensor, alone: Tensor
) -> TaskVerdict:
    row = table.row(task.name)
    metric = task.chosen_metrics()[0]
    found = paired_bootstrap(
        metric,
        [task.scores(joint).double().numpy()],
        [task.scores(alone).double().numpy()],
        task.original(test.targets[task.name]).double().numpy(),
        (test.masks[task.name] > 0).numpy(),
    )
    if math.isnan(found.low):
        return TaskVerdict(task.name, metric.name, "unknown", f"{task.name}: too few test labels to tell.")
    word = "helped" if found.low > 0 else "hurt" if found.high < 0 else "no clear difference"
    sentence = (
        f"{task.name}: {word} ({metric.name} {figure(row.value)} together, "
        f"{figure(row.references['single_task'])} alone; difference {found.value:+.3g} "
        f"[{found.low:+.3g}, {found.high:+.3g}], positive = together is better)."
    )
    return TaskVerdict(task.name, metric.name, word, sentence, found.value, (found.low, found.high))


def _against_references(task: Task, table: EvaluationTable) -> TaskVerdict:
    name = task.name
    if name not in table.tasks:
        return TaskVerdict(name, task.chosen_metrics()[0].name, "unknown", f"{name}: there is no test row.")
    row = table.row(name)
    if math.isnan(row.value):
        return TaskVerdict(name, row.metric, "unknown", f"{name}: too few test labels to tell.")
    sign = 1 if row.direction == "max" else -1
    beaten = [
        reference
        for reference, value in row.references.items()
        if not math.isnan(value) and sign * (row.value - value) > 0
    ]
    lost = [reference for reference in row.references if reference not in beaten]
    word = "better than a constant" if "constant" in beaten else "no better than a constant"
    shown = ", ".join(f"{reference} {figure(value)}" for reference, value in row.references.items())
    behind = ", behind the trees" if "trees" in lost else ""
    return TaskVerdict(
        name, row.metric, word, f"{name}: {word}{behind} ({row.metric} {figure(row.value)}; {shown})."
    )
