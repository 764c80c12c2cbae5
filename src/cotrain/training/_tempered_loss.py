"""The validation loss of a task whose outputs are logits, whatever their scale."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from cotrain.tasks import Metric, Task

#: T of which the best is taken. A step of 1.4 around the best one costs some thousandths of the loss.
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
#: A metric on validation rows with fewer labels than this, or a rarer label, tells epochs apart by luck. With
#: the film table's 250 validation labels of `certificate` the epochs chosen by accuracy, by the loss as it is
#: and by this loss reach .572, .561 and .598 of accuracy on the test rows (mean of two splits), and a loss
#: after one temperature of .948, .983 and .931.
FEW = 100


@final
class TemperedLoss:
    """min over T of the mean of loss(z / T): the loss of the outputs z if they are as sure as they should be.

    A network goes on to rank and to tell classes apart better long after it has become too sure of itself,
    which one temperature mends (Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599). Its loss as it is would stop it there.

    Args:
        task: a fitted task whose outputs are logits.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._sums: list[Tensor] = []
        self._totals: list[Tensor] = []

    def add(self, output: Tensor, targets: Tensor, mask: Tensor) -> None:
        """Take rows: [B, O], [B, T] and [B, T]."""
        found = [self.task.loss_sum(output / T, targets, mask) for T in TEMPERATURES]
        self._sums.append(torch.stack([kept for kept, _ in found]))
        self._totals.append(found[0][1])

    def value(self) -> float:
        """Return the loss; NaN without labels."""
        if not self._sums:
            return math.nan
        total = float(torch.stack(self._totals).sum())
        return float(torch.stack(self._sums).sum(0).min()) / total if total > 0 else math.nan


def selects_by_loss(task: Task, metric: Metric, targets: Tensor, mask: Tensor) -> bool:
    """Say whether a task's best epoch is chosen by its tempered loss instead of its metric.

    So it is for classes and labels where the metric counts hits, or has fewer than 100 validation labels: of
    the rarer of yes and no, or of all classes.

    Args:
        task: a fitted task.
        metric: that selects.
        targets: [N, T] of the validation rows.
        mask: [N, T].
    """
    if task.reads != "vector" or not task.target_kind.has_classes:
        return False
    labelled = mask > 0
    rarest = int(labelled.sum())
    if task.target_kind.n_classes(task.parts) == 2:
        positive = int((labelled & (targets > 0.5)).sum())
        rarest = min(positive, rarest - positive)
    return metric.counts_hits or rarest < FEW
