"""How good the network is on the validation rows, per task and in one number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from torch import Tensor

from cotrain.evaluation import relative_gain
from cotrain.tasks import Metric, Task
from cotrain.training._examples import Examples

COMBINED = "combined"


@final
@dataclass(frozen=True)
class Validation:
    """What an epoch reached on the validation rows.

    Args:
        values: task -> its selecting metric.
        gains: task -> relative gain of that value over the best constant prediction, 1 = perfect.
    """

    values: dict[str, float]
    gains: dict[str, float]

    def criteria(self) -> dict[str, float]:
        """Return what epochs are compared by: each task's gain, and their mean as "combined"."""
        known = [gain for gain in self.gains.values() if not math.isnan(gain)]
        return {**self.gains, COMBINED: float(np.mean(known)) if known else math.nan}


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
        if examples is not None:
            for task in tasks:
                constant = task.reference_output(train.targets[task.name], train.masks[task.name])
                scores = task.constant_scores(constant, len(examples))
                self._references[task.name] = self._value(task, examples, scores)

    def values(self, outputs: Mapping[str, Tensor]) -> Validation:
        """Return the metrics of these outputs on the validation rows."""
        values: dict[str, float] = {}
        gains: dict[str, float] = {}
        if self.examples is not None:
            for task in self.tasks:
                scores = task.scores(outputs[task.name])
                values[task.name] = self._value(task, self.examples, scores)
                metric = selecting_metric(task)
                gains[task.name] = relative_gain(values[task.name], self._references[task.name], metric)
        return Validation(values, gains)

    def losses(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss of every task that has validation labels."""
        rows = self.examples
        if rows is None:
            return {}
        return {
            task.name: task.weight
            * task.loss(outputs[task.name], rows.targets[task.name], rows.masks[task.name])
            for task in self.tasks
            if bool((rows.masks[task.name] > 0).any())
        }

    @staticmethod
    def _value(task: Task, examples: Examples, scores: Tensor) -> float:
        mask = (examples.masks[task.name] > 0).numpy()
        if not mask.any():
            return math.nan
        targets = task.original(examples.targets[task.name]).double().numpy()
        return selecting_metric(task).compute(scores.double().numpy(), targets, mask)


def selecting_metric(task: Task) -> Metric:
    """Return the metric by which a task's best epoch is chosen: the first of those it reports."""
    return task.chosen_metrics()[0]
