"""One number per task of classes that makes its probabilities as sure as held-out rows bear out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from cotrain._base._ragged import Leaves
from cotrain.cotraining import prediction_of_output
from cotrain.cotraining._predictions import prior_of
from cotrain.learner._provenance import Provenance
from cotrain.networks import OutputSpace
from cotrain.tasks import Task
from cotrain.training import Examples
from cotrain.training._frozen_networks import FrozenNetworks

#: Between which T is sought.
LEAST, MOST = 0.25, 20.0
#: Standard deviation of log T before any label is seen: networks that were fitted to the end have been seen
#: to want T from .9 to 20. Ten labels must speak for T = 2 by .01 nats each, or for T = 10 by .12.
SPREAD = 1.5
#: The same around the T that pseudo-labels want: they are many, and how sure they are was held out.
SPREAD_AROUND = 0.5
#: What a probability counts as where 1 - p rounds it to nothing.
LEAST_PROBABILITY = 1e-16


def fit_temperatures(
    tasks: Sequence[Task],
    outputs: Mapping[str, Tensor],
    held: Examples,
    output_space: OutputSpace | None = None,
    *,
    around: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return task -> T by which its outputs are divided, of the tasks that have classes and one answer a row.

    Args:
        tasks: fitted tasks.
        outputs: of the networks on the held-out rows, task -> [N, O].
        held: those rows.
        output_space: what makes outputs of other tasks' heads: these stay as they are, because probabilities
            that follow from one another would no longer do so.
        around: task -> T that is expected before any of these rows is seen, see `taught_temperatures`;
            without one 1.
    """
    return {
        task.name: best_temperature(
            task,
            outputs[task.name],
            held.targets[task.name],
            held.masks[task.name],
            around=(around or {}).get(task.name),
        )
        for task in divided_tasks(tasks, output_space)
    }


def divided_tasks(tasks: Sequence[Task], output_space: OutputSpace | None = None) -> list[Task]:
    """Return the tasks whose outputs a temperature divides."""
    read = {task.name: () if output_space is None else output_space.reads(task.name) for task in tasks}
    made = {name for task, others in read.items() if others for name in (task, *others)}
    return [task for task in tasks if task.reads == "vector" and task.has_classes and task.name not in made]


def best_temperature(
    task: Task, output: Tensor, targets: Tensor, mask: Tensor, *, around: float | None = None
) -> float:
    """Return the T of least loss(z / T) + (log T / T₀)² / 2s² on held-out rows, z being the outputs.

    The loss is the task's own, summed over the labelled entries and over one row more: a mean row, with a
    label drawn from the shares of the classes among the others, of which the inputs say nothing. Without it
    a few rows that happen to be right make a network as sure as it can be; it is what 1 is in Laplace's rule
    of succession, (k + 1) / (n + 2). s is 1.5 around T₀ = 1, and .5 around another; no labels leave T at T₀.
    Dividing logits never changes which class is the most probable, and for two classes not the order of the
    rows either.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599.
    There is no such row, and nothing holds T near 1.

    Args:
        task: a fitted task whose outputs are logits.
        output: [N, O].
        targets: [N, T].
        mask: [N, T], bool, or weights with a mean near 1.
        around: T₀; `None`: 1.

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
    before, spread = (1.0, SPREAD) if around is None else (around, SPREAD_AROUND)
    if not bool(rows.any()):
        return before
    logits, targets, mask = output[rows].double(), targets[rows], mask[rows]
    if not bool(logits.isfinite().all()):
        return before
    shares = prior_of(task, targets, mask).double()

    def regret(log_t: float) -> float:
        divided = logits / math.exp(log_t)
        loss, _ = task.loss_sum(divided, targets, mask)
        unknown = -(shares * _log_probabilities(task, divided)).sum(dim=-1)
        held_to = ((log_t - math.log(before)) / spread) ** 2 / 2
        return float(loss) + float(unknown.mean(dim=0).sum()) + held_to

    return _least(regret, before)


def _log_probabilities(task: Task, logits: Tensor) -> Tensor:
    """Return log p of every class, [N, T, C]."""
    return task.target_kind.probabilities(task.scores(logits)).clamp(min=LEAST_PROBABILITY).log()


def taught_temperature(task: Task, output: Tensor, values: Tensor, confidence: Tensor) -> float:
    """Return the T at which a network is as sure of the pseudo-labels that it learned as their teachers were.

    The T of least - Σ c log p + (1 - c) log (1 - p), p being the probability of the pseudo-label at T and c
    how likely it is right by held-out labels. A network that learned them to the end is sure of all of them.

    Args:
        task: a fitted task of classes.
        output: [N, O], of the network.
        values: [N, T], the pseudo-labels as class numbers; NaN where there is none.
        confidence: c, [N, T].

    Example:
        >>> import polars as pl, torch
        >>> from cotrain.tasks import Binary
        >>> task = Binary("sold")
        >>> task.fit(pl.DataFrame({"sold": [1, 1, 0, 0]}))
        >>> output, right = torch.full((9, 1), 8.0), torch.full((9, 1), 0.8)
        >>> round(taught_temperature(task, output, torch.ones(9, 1), right), 2)  # 8 / log 4
        5.77
    """
    known = values.isfinite() & confidence.isfinite()
    if not bool(known.any()) or not bool(output.isfinite().all()):
        return 1.0
    rows = known.any(dim=1)
    logits, known, sure = output[rows].double(), known[rows], confidence[rows].double()
    classes = values[rows].nan_to_num(0.0).long()

    def regret(log_t: float) -> float:
        found = prediction_of_output(task, logits / math.exp(log_t)).probabilities
        assert found is not None  # a task of classes
        p = found.double().gather(2, classes[..., None])[..., 0].clamp(1e-7, 1 - 1e-7)
        return -float((sure * p.log() + (1 - sure) * (-p).log1p())[known].sum())

    return _least(regret, 1.0)


def taught_temperatures(
    tasks: Sequence[Task],
    networks: FrozenNetworks,
    provenance: Provenance,
    inputs: Leaves,
    *,
    output_space: OutputSpace | None = None,
) -> dict[str, float]:
    """Return task -> `taught_temperature`, of the tasks of which a network has learned pseudo-labels.

    Args:
        tasks: fitted tasks.
        networks: that answer.
        provenance: the pseudo-labels.
        inputs: of the training rows.
        output_space: see `fit_temperatures`.
    """
    taught = set(provenance.cells["task"].unique().to_list())
    tasks = [task for task in divided_tasks(tasks, output_space) if task.name in taught]
    outputs = networks.outputs(inputs, [task.name for task in tasks]) if tasks else {}
    found = {}
    for task in tasks:
        cells = provenance.pseudo_labels(task, inputs)
        if cells is not None:
            values, confidence = (
                torch.from_numpy(cells[name].cast(float).fill_null(math.nan).to_numpy().copy()).reshape(
                    len(outputs[task.name]), -1
                )
                for name in ("value", "confidence")
            )
            found[task.name] = taught_temperature(task, outputs[task.name], values, confidence)
    return found


def _least(regret: Callable[[float], float], otherwise: float) -> float:
    """Return the T of least regret, or what it is without one that is less."""
    found = minimize_scalar(regret, bounds=(math.log(LEAST), math.log(MOST)), method="bounded")
    return float(np.exp(found.x)) if regret(float(found.x)) < regret(math.log(otherwise)) else otherwise


def tempered(outputs: Mapping[str, Any], temperatures: Mapping[str, float]) -> dict[str, Any]:
    """Return the outputs [N, O], each divided by its task's temperature; others as they are."""
    return {
        task: output / temperatures[task] if task in temperatures else output
        for task, output in outputs.items()
    }
