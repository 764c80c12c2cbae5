"""What one seed says of each task: figures, and no word on learning together."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from torch import Tensor

from cotrain._base._ragged import Leaf, padded
from cotrain.comparison.runs._result import TaskVerdict
from cotrain.evaluation import Difference, EvaluationTable, holm, paired_bootstrap, too_few_to_tell
from cotrain.evaluation._padded_scores import constant_beside, scores_of, truth_beside, truth_of
from cotrain.tasks import Task
from cotrain.training import Examples

NOT_JUDGED, LEARNS_NOTHING, UNFINISHED = "not judged", "learns nothing", "unfinished training"
LEVEL = 0.95
#: As many as comparisons take: half the width of an interval from so many resamples is within 5 % of that
#: from infinitely many. Twice as many were a fifth of the time of the demo.
RESAMPLES = 200


@final
@dataclass(frozen=True)
class OneSeed:
    """What a run with one seed has.

    Args:
        test: the test rows.
        table: test figures with the references.
        joint: task -> outputs [N, O] of the joint network on the test rows.
        alone: task -> outputs of the single-task networks; tasks may be missing.
        constants: task -> [O], the best constant output on the training labels.
        dependence: `groups` or `times` of the test rows, from `Split.dependence`.
        unfinished: tasks whose joint or lone training was not finished.
    """

    test: Examples
    table: EvaluationTable
    joint: Mapping[str, Leaf]
    alone: Mapping[str, Leaf]
    constants: Mapping[str, Tensor]
    dependence: Mapping[str, np.ndarray] = field(default_factory=dict)
    unfinished: Collection[str] = ()

    def difference(self, task: Task, first: np.ndarray, second: np.ndarray) -> Difference:
        """Compare two predictions by their scores, as the task's metrics look at them."""
        targets, mask = self.truth(task)
        return paired_bootstrap(
            task.chosen_metrics()[0],
            [first],
            [second],
            targets,
            mask=mask,
            groups=self.dependence.get("groups"),
            times=self.dependence.get("times"),
            level=LEVEL,
            n_resamples=RESAMPLES,
        )

    def truth(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return targets and mask of the test rows, as metrics take them."""
        truth = truth_of(task, self.test.targets[task.name], self.test.masks[task.name])
        return truth_beside(task, truth, padded(self.joint[task.name]).numpy())

    def too_few(self, task: Task) -> str:
        """Return why nothing can be said of a task; "" where something can."""
        return too_few_to_tell(
            task,
            *self.truth(task),
            groups=self.dependence.get("groups"),
            times=self.dependence.get("times"),
        )

    def against_constant(self, task: Task, output: Leaf) -> Difference:
        """Compare an output with the best constant."""
        scores = scores_of(task, output)
        return self.difference(task, scores, constant_beside(task, self.constants[task.name], scores))


def verdicts(tasks: Sequence[Task], run: OneSeed) -> list[TaskVerdict]:
    """Say for each task what one seed can say.

    Another seed may turn a difference between two ways of training around, so none of "helped" and "hurt" is
    said: the figures stand beside each other, and where the rows alone would tell these two networks apart,
    the side that they lean to. "Better than a constant" is about this very network, and stands on the test
    rows after Holm's correction over the tasks. Where a training was not finished it is too early to compare,
    and where neither network is better than a constant beyond chance, the task is learned neither way.

    Args:
        tasks: fitted tasks.
        run: what there is to compare.
    """
    shown = [task for task in tasks if task.name in run.table.tasks and not run.too_few(task)]
    against = {task.name: run.against_constant(task, run.joint[task.name]) for task in shown}
    corrected = dict(zip(against, holm([found.p_value for found in against.values()]), strict=True))
    return [_verdict(task, run, against.get(task.name), corrected.get(task.name, math.nan)) for task in tasks]


def _verdict(task: Task, run: OneSeed, constant: Difference | None, p_value: float) -> TaskVerdict:
    name, metric = task.name, task.chosen_metrics()[0].name
    if name not in run.table.tasks:
        return TaskVerdict(name, metric, "unknown", f"{name}: there is no test row.")
    if constant is None or math.isnan(constant.low):
        reason = run.too_few(task) or "the metric is not defined on the test rows"
        return TaskVerdict(name, metric, "unknown", f"{name}: too few to tell ({reason}).")
    if name in run.alone:
        return _beside_single_task(task, run, constant)
    row = run.table.row(name)
    word = "no clear difference from a constant"
    if p_value <= 1 - LEVEL:
        word = "better than a constant" if constant.value > 0 else "worse than a constant"
    shown = ", ".join(f"{reference} {row.shown(reference)}" for reference in row.references)
    return TaskVerdict(name, row.metric, word, f"{name}: {word} ({row.metric} {row.shown()}; {shown}).")


def _beside_single_task(task: Task, run: OneSeed, constant: Difference) -> TaskVerdict:
    name, row, lone = task.name, run.table.row(task.name), run.alone[task.name]
    found = run.difference(task, scores_of(task, run.joint[name]), scores_of(task, lone))
    figures = f"{row.metric} {row.shown()} together, {row.shown('single_task')} alone"
    alone = run.against_constant(task, lone)
    leaning = ""
    if name in run.unfinished:
        word, why = UNFINISHED, "the last epoch is the best, and the last ones brought much: train longer"
    elif not (constant.low > 0 or alone.low > 0):
        word, why = LEARNS_NOTHING, "alone or together: neither is better than a constant beyond chance"
        figures += f", {row.shown('constant')} constant"
    else:
        if found.low > 0 or found.high < 0:
            leaning = "together" if found.value > 0 else "alone"
        word, why = NOT_JUDGED, f"one seed, leaning to {leaning}" if leaning else "one seed, no leaning"
    return TaskVerdict(
        name,
        row.metric,
        word,
        f"{name}: {figures} on this seed: {word} ({why}).",
        difference=None if math.isnan(found.value) else found.value,
        leaning=leaning,
    )
