"""One number per task of classes that makes its probabilities as sure as held-out rows bear out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from torch import Tensor

from cotrain.networks import OutputSpace
from cotrain.tasks import Task
from cotrain.training import Examples

#: Between which T is sought.
LEAST, MOST = 0.25, 20.0
#: Standard deviation of log T before any label is seen: networks that were fitted to the end have been seen
#: to want T from .9 to 10. Ten labels must speak for T = 2 by .02 nats each, or for T = 10 by .27.
SPREAD = 1.0


def fit_temperatures(
    tasks: Sequence[Task],
    outputs: Mapping[str, Tensor],
    held: Examples,
    output_space: OutputSpace | None = None,
) -> dict[str, float]:
    """Return task -> T by which its outputs are divided, of the tasks that have classes and one answer a row.

    Args:
        tasks: fitted tasks.
        outputs: of the networks on the held-out rows, task -> [N, O].
        held: those rows.
        output_space: what makes outputs of other tasks' heads: these stay as they are, because probabilities
            that follow from one another would no longer do so.
    """
    read = {task.name: () if output_space is None else output_space.reads(task.name) for task in tasks}
    made = {name for task, others in read.items() if others for name in (task, *others)}
    return {
        task.name: best_temperature(task, outputs[task.name], held.targets[task.name], held.masks[task.name])
        for task in tasks
        if task.reads == "vector" and task.has_classes and task.name not in made
    }


def best_temperature(task: Task, output: Tensor, targets: Tensor, mask: Tensor) -> float:
    """Return the T of least loss(z / T) + (log T)² / 2s² on held-out rows, z being the outputs.

    The loss is the task's own, summed over the labelled entries, and s = 1, so that few labels leave T near
    1 and none at 1. Dividing logits never changes which class is the most probable, and for two classes not
    the order of the rows either.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599.
    There nothing holds T near 1.

    Args:
        task: a fitted task whose outputs are logits.
        output: [N, O].
        targets: [N, T].
        mask: [N, T], bool, or weights with a mean near 1.

    Example:
        >>> import polars as pl, torch
        >>> from cotrain.tasks import Binary
        >>> task, frame = Binary("sold"), pl.DataFrame({"sold": [1, 1, 1, 0] * 250})
        >>> task.fit(frame)
        >>> sure = torch.full((1000, 1), 4.0)  # 98 %, where 75 % are right
        >>> round(best_temperature(task, sure, *task.encode(frame)), 1)
        3.6
    """
    rows = (mask > 0).any(dim=1)
    if not bool(rows.any()):
        return 1.0
    logits, targets, mask = output[rows].double(), targets[rows], mask[rows]
    if not bool(logits.isfinite().all()):
        return 1.0

    def regret(log_t: float) -> float:
        loss, _ = task.loss_sum(logits / math.exp(log_t), targets, mask)
        return float(loss) + (log_t / SPREAD) ** 2 / 2

    found = minimize_scalar(regret, bounds=(math.log(LEAST), math.log(MOST)), method="bounded")
    return float(np.exp(found.x)) if regret(float(found.x)) < regret(0.0) else 1.0


def tempered(outputs: Mapping[str, Any], temperatures: Mapping[str, float]) -> dict[str, Any]:
    """Return the outputs [N, O], each divided by its task's temperature; others as they are."""
    return {
        task: output / temperatures[task] if task in temperatures else output
        for task, output in outputs.items()
    }
