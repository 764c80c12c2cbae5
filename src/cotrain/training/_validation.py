"""How good the network is on the validation rows, per task and in one number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from torch import Tensor

from cotrain._base._ragged import Leaves, padded
from cotrain.evaluation import TaskRecords, relative_gain
from cotrain.tasks import Metric, Task
from cotrain.training._best_weights import COMBINED
from cotrain.training._examples import Examples
from cotrain.training._tempered_loss import TemperedLoss, selects_by_loss


@final
@dataclass(frozen=True)
class Validation:
    """What an epoch reached on the validation rows.

    Args:
        values: task -> its selecting metric.
        gains: task -> relative gain of that value over the best constant prediction, 1 = perfect.
        losses: task -> its loss, of every task that has validation labels.
        by_loss: task -> relative gain of its tempered loss over the best constant prediction, of the tasks
            whose epochs are compared by it.
        by_source: source -> task -> its selecting metric on the rows of that source, of the tasks that have
            labels in several.
    """

    values: dict[str, float]
    gains: dict[str, float]
    losses: dict[str, Tensor]
    by_loss: dict[str, float] = field(default_factory=dict)
    by_source: dict[str, dict[str, float]] = field(default_factory=dict)

    def criteria(self) -> dict[str, float]:
        """Return what epochs are compared by: each task's gain, and their mean as "combined"."""
        gains = self.gains | self.by_loss
        known = [gain for gain in gains.values() if not math.isnan(gain)]
        return {**gains, COMBINED: float(np.mean(known)) if known else math.nan}


@final
class Validator:
    """Computes each task's selecting metric on the validation rows.

    Args:
        tasks: fitted tasks.
        train: training rows, from which the best constant predictions come.
        examples: validation rows; `None`: there are none.
    """

    def __init__(self, tasks: Sequence[Task], train: Examples, examples: Examples | None) -> None:
        self.tasks = list(tasks)
        self.examples = examples
        self._references: dict[str, float] = {}
        #: Task -> tempered loss of the best constant prediction, where its epochs are compared by that loss.
        self._loss_references: dict[str, float] = {}
        if examples is not None:
            for task in tasks:
                truth = train.targets[task.name], train.masks[task.name]
                records = self._records(task, len(examples))
                records.add_constant(
                    task.best_constant(*truth), examples.targets[task.name], examples.masks[task.name]
                )
                self._references[task.name] = records.value(selecting_metric(task))
                self._refer_to_loss(task, task.reference_output(*truth))

    @property
    def judged(self) -> list[str]:
        """The tasks whose epochs the validation rows tell apart: they have labels, and not all alike."""
        return [
            task.name
            for task in self.tasks
            if task.name in self._loss_references or self._can_gain(selecting_metric(task), task.name)
        ]

    def remark(self) -> str:
        """Return what becomes of tasks whose epochs are not told apart; "": all are."""
        others = [task.name for task in self.tasks if task.name not in self.judged]
        if self.examples is None or not others:
            return ""
        if len(others) == len(self.tasks):
            return (
                "The validation rows have no labels that tell epochs apart: none is chosen, and the network "
                "is trained to its last epoch."
            )
        return (
            f"The validation rows have no labels of {', '.join(others)} that tell epochs apart: kept is the "
            "epoch that is best for the other tasks."
        )

    def _can_gain(self, metric: Metric, task: str) -> bool:
        reference = self._references.get(task, math.nan)
        return not math.isnan(reference) and reference != metric.best

    def validate(self, batches: Iterable[tuple[slice, Leaves]]) -> Validation:
        """Return what these outputs reach on the validation rows.

        Args:
            batches: rows, and task -> outputs on them; together all validation rows in order.
        """
        if self.examples is None:
            return Validation({}, {}, {})
        records = {task.name: self._records(task, len(self.examples)) for task in self.tasks}
        sums: dict[str, list[tuple[Tensor, Tensor]]] = {task.name: [] for task in self.tasks}
        by_loss = [task for task in self.tasks if task.name in self._loss_references]
        tempered = {task.name: TemperedLoss(task) for task in by_loss}
        for rows, outputs in batches:
            for task in self.tasks:
                output = outputs[task.name]
                truth = [of[task.name][rows] for of in (self.examples.targets, self.examples.masks)]
                records[task.name].add(output, *truth)
                sums[task.name].append(task.loss_sum(*(padded(leaf) for leaf in (output, *truth))))
                if task.name in tempered:
                    tempered[task.name].add(*(padded(leaf) for leaf in (output, *truth)))
        values, gains, losses = {}, {}, {}
        for task in self.tasks:
            metric = selecting_metric(task)
            values[task.name] = records[task.name].value(metric)
            gains[task.name] = relative_gain(values[task.name], self._references[task.name], metric)
            if records[task.name].labelled.any():
                kept, total = (torch.stack(part).sum() for part in zip(*sums[task.name], strict=True))
                losses[task.name] = task.weight * (kept / total)
        loss_gains = {name: 1 - one.value() / self._loss_references[name] for name, one in tempered.items()}
        return Validation(values, gains, losses, loss_gains, self._by_source(records))

    def _by_source(self, records: Mapping[str, TaskRecords]) -> dict[str, dict[str, float]]:
        """Return source -> task -> its value there, of the tasks that have labels in several."""
        if self.examples is None or self.examples.sources is None:
            return {}
        found: dict[str, dict[str, float]] = {}
        of_sources = self.examples.sources.rows()
        for name, of_task in records.items():
            labelled = of_task.labelled
            rows_of = {source: rows for source, rows in of_sources.items() if labelled[rows].any()}
            for source, rows in rows_of.items() if len(rows_of) > 1 else ():
                found.setdefault(source, {})[name] = of_task.rows(of=rows)[0].value
        return found

    def _refer_to_loss(self, task: Task, constant: Tensor) -> None:
        """Note the loss of the best constant prediction where a task's epochs are compared by its loss."""
        rows = self.examples
        assert rows is not None
        targets, mask = (padded(of[task.name]) for of in (rows.targets, rows.masks))
        if not selects_by_loss(task, selecting_metric(task), targets, mask):
            return
        loss = TemperedLoss(task)
        loss.add(constant.expand(len(targets), -1), targets, mask)
        # NaN without labels, 0 where all are alike: then there is nothing to gain.
        if loss.value() > 0:
            self._loss_references[task.name] = loss.value()

    @staticmethod
    def _records(task: Task, n_rows: int) -> TaskRecords:
        return TaskRecords(task, [selecting_metric(task)], n_rows=n_rows)


def selecting_metric(task: Task) -> Metric:
    """Return the metric by which a task's best epoch is chosen: the first of those it reports."""
    return task.chosen_metrics()[0]
