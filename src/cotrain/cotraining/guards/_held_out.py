"""What rounds predict for labelled rows that they have not learned from, and how surely one beats another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from cotrain._base import numpy_generator
from cotrain.cotraining._predictions import Prediction, class_targets, n_classes
from cotrain.data._row_hash import row_keys
from cotrain.tasks import Task
from cotrain.training import Examples

#: Fewest held-out labels of other classes than the commonest one that a comparison can stand on: with fewer
#: positives than five false words are frequent whatever the interval.
LEAST_OF_OTHERS = 5


@final
@dataclass(frozen=True)
class Gain:
    """By how much a prediction's loss lies below another's on the same held-out labels.

    Args:
        value: mean difference of the losses per row, > 0 = better.
        error: its standard error over the rows.
        n_labels: rows with a label that it stands on.
    """

    value: float
    error: float
    n_labels: int

    def exceeds(self, margin: float) -> bool:
        """Say whether the gain is more than so many standard errors."""
        return self.value > 0 and self.value >= margin * self.error

    def __str__(self) -> str:
        return f"its loss is {self.value:.3f} ± {self.error:.3f} lower on {self.n_labels} held-out labels"


@final
@dataclass(frozen=True)
class HeldOut:
    """One task's predictions by every round on n rows that none of the fits behind them has seen a label of.

    Args:
        predictions: the start's first, each of n rows.
        targets: [n, T] coded.
        mask: [n, T] bool: where there is a label.
    """

    predictions: Sequence[Prediction]
    targets: Tensor
    mask: Tensor

    @classmethod
    def of(cls, task: Task, predictions: Sequence[Prediction], rows: Examples) -> Self:
        """Return those of a task on rows, of which only the labelled ones are kept."""
        mask = rows.masks[task.name] > 0
        kept = torch.nonzero(mask.any(dim=1)).flatten()
        return cls([one.take(kept) for one in predictions], rows.targets[task.name][kept], mask[kept])

    @property
    def n_labels(self) -> int:
        """Number of rows with a label."""
        return len(self.targets)

    def joined(self, other: HeldOut) -> HeldOut:
        """Return both one below the other; where one has fewer rounds its last stands for those it lacks."""
        sides = (self.predictions, other.predictions)
        predictions = [
            Prediction.stacked([side[min(number, len(side) - 1)] for side in sides])
            for number in range(max(len(side) for side in sides))
        ]
        return HeldOut(
            predictions, torch.cat([self.targets, other.targets]), torch.cat([self.mask, other.mask])
        )

    def examples(self, task: Task) -> Examples:
        """Return the labels as rows without inputs, for the metrics."""
        return Examples({}, {task.name: self.targets}, {task.name: self.mask})

    def gain(self, task: Task, after: Prediction, before: Prediction | None = None) -> Gain:
        """Return how much better a prediction is than another; default the start's.

        The loss of a class is the squared distance of the probabilities from the truth, which is lowest for
        the true ones; that of a number is the absolute error, which one outlier does not rule. The test is
        paired: the same rows stand on both sides. A prediction that is not finite is no better than any.

        Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950,
        https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

        Args:
            task: the task.
            after: [n] rows.
            before: the same rows; `None`: of the start.
        """
        first = self.predictions[0] if before is None else before
        difference = self._losses(task, first) - self._losses(task, after)
        n = len(difference)
        if n < 2 or not bool(torch.isfinite(difference).all()):
            return Gain(0.0, math.inf, n)
        return Gain(float(difference.mean()), float(difference.std()) / math.sqrt(n), n)

    def objection(self, task: Task, least: int) -> str:
        """Say why so few labels can tell nothing; "" if they can.

        Args:
            task: the task.
            least: fewest labels that rounds are judged by; 0: any number will do.
        """
        if not least:
            return ""
        if self.n_labels < least:
            return f"{self.n_labels} held-out labels are fewer than min_labels={least}"
        if task.coding == "number":
            return ""
        classes = class_targets(task, self.targets)
        counts = [
            int((classes[self.mask[:, t], t] == c).sum())
            for t in range(classes.shape[1])
            for c in range(n_classes(task))
        ]
        per_target = torch.tensor(counts).reshape(classes.shape[1], -1)
        others = int((per_target.sum(dim=1) - per_target.amax(dim=1)).max())
        if others < LEAST_OF_OTHERS:
            return f"only {others} of {self.n_labels} held-out labels are of another class than the commonest"
        return ""

    def _losses(self, task: Task, prediction: Prediction) -> Tensor:
        """Return the loss of each row, float64 [n]: the mean over its targets with a label."""
        known = self.mask
        if prediction.probabilities is None:
            values = prediction.pseudo_labels(torch.float32).double()
            entries = (values - self.targets.double()).abs()
        else:
            classes = class_targets(task, self.targets)
            known = known & (classes < n_classes(task))
            p = prediction.probabilities.double()
            truth = torch.nn.functional.one_hot(classes.clamp(max=p.shape[-1] - 1), p.shape[-1])
            entries = (p - truth).square().sum(dim=-1)
        # A label of a class that training never saw says nothing for either side.
        return torch.where(known, entries, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def deal_into_folds(tasks: Sequence[Task], examples: Examples, folds: int, seed: int) -> Tensor:
    """Deal the labelled rows out to folds, equal classes evenly, int64 [N]; −1: is never held out.

    Rows with the very same inputs stay together. A class with fewer labels than folds stays whole: its rows
    are in every training part, and no estimate is made of a class that a fit could not know.

    Args:
        tasks: the tasks, whose labels are dealt one after the other.
        examples: N rows.
        folds: number of folds, ≥ 2.
        seed: names the random stream.
    """
    fold_of = torch.full((len(examples),), -1, dtype=torch.int64)
    shuffled = torch.from_numpy(numpy_generator(seed, "folds of rounds").permutation(len(examples)))
    rare = torch.zeros(len(examples), dtype=torch.bool)
    for task in tasks:
        classes, mask = class_targets(task, examples.targets[task.name]), examples.masks[task.name] > 0
        if task.coding == "class":
            values, counts = classes[mask].unique(return_counts=True)
            rare |= (torch.isin(classes, values[counts < folds]) & mask).any(dim=1)
        first = torch.where(mask.any(dim=1), classes[:, 0], -1)
        rows = shuffled[(mask.any(dim=1) & (fold_of < 0))[shuffled]]
        rows = rows[first[rows].sort(stable=True).indices]
        fold_of[rows] = torch.arange(len(rows)) % folds
    fold_of[rare] = -1
    together: dict[str, int] = {}
    for row, key in enumerate(row_keys(examples.inputs)):
        fold_of[row] = together.setdefault(key, int(fold_of[row])) if fold_of[row] >= 0 else -1
    return fold_of
