"""What keeps a round from doing harm."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cotrain.cotraining._predictions import Prediction, class_targets, n_classes
from cotrain.evaluation import paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples

#: One standard error is half the width of this interval.
ONE_SIGMA = 0.6827


def shares_of(classes: Tensor, where: Tensor, n: int) -> Tensor:
    """Return the shares of n classes among the entries `where`, [T, C]; NaN without any."""
    one_hot = torch.nn.functional.one_hot(classes.clamp(max=n - 1), n) * where[..., None]
    counts = one_hot.sum(dim=0).float()
    return counts / counts.sum(dim=-1, keepdim=True)


def drift(shares: Tensor, prior: Tensor) -> float:
    """Return the largest distance of a target's shares from the prior: half the sum of |differences|."""
    distance = (shares - prior).abs().sum(dim=-1) / 2
    return float(torch.nan_to_num(distance).max())


def starved(shares: Tensor, start: Tensor, prior: Tensor) -> bool:
    """Say whether a class is predicted less than half as often as by the start and as it is labelled.

    A rare class can die out within any bound on the drift: it has not that much to lose.

    Args:
        shares: [T, C] of the predictions now; NaN where nothing is predicted.
        start: the same of the supervised start.
        prior: [T, C] of the true labels.
    """
    return bool((shares < 0.5 * torch.minimum(start, prior)).any())


def sampling_drift(prior: Tensor, n_labels: int) -> float:
    """Return how far the shares of n labels stray from the truth by chance, on average.

    The sum of half the mean absolute deviations of C binomial shares, √(2 p (1 - p) / (π n)) each.
    """
    spread = (2 * prior * (1 - prior) / (math.pi * max(1, n_labels))).sqrt()
    return float(spread.sum(dim=-1).max() / 2)


def accepted_drift(task: Task, examples: Examples, prior: Tensor, classes: Tensor, accepted: Tensor) -> float:
    """Return the drift of the class shares among true labels and accepted pseudo-labels together."""
    n = n_classes(task)
    true = examples.masks[task.name] > 0
    together = torch.where(true, class_targets(task, examples.targets[task.name]), classes)
    return drift(shares_of(together, true | accepted, n), prior)


def rows_seen_in(inputs: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Tensor:
    """Return which rows have exactly the inputs of a row of `others`, bool [N]."""
    known = set(row_keys(others))
    return torch.tensor([key in known for key in row_keys(inputs)], dtype=torch.bool)


def row_keys(inputs: Mapping[str, Tensor]) -> list[str]:
    """Return a short hash of each row's inputs; equal inputs have equal ones, however far bags are padded."""
    parts = [_bytes(name, tensor) for name, tensor in sorted(inputs.items())]
    rows = (b"|".join(row) for row in zip(*parts, strict=True))
    return [hashlib.blake2b(row, digest_size=12).hexdigest() for row in rows]


def _bytes(name: str, tensor: Tensor) -> list[bytes]:
    rows = tensor.flatten(1).cpu().numpy()
    if name.startswith("bag:"):
        # Bags are padded to the longest of their table: the padding says nothing.
        return [row[row != 0].tobytes() for row in rows]
    return [np.ascontiguousarray(row).tobytes() for row in rows]


def value_on(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric of a prediction on rows; NaN without any label."""
    mask = (rows.masks[task.name] > 0).numpy()
    if not mask.any():
        return math.nan
    scores = prediction.scores(task).double().numpy()
    targets = task.original(rows.targets[task.name]).double().numpy()
    return task.chosen_metrics()[0].compute(scores, targets, mask)


def choose_round(
    task: Task, predictions: Sequence[Prediction], validation: Examples | None, refused: set[int]
) -> int:
    """Return the round whose peers shall answer for a task; 0 is the supervised start.

    The last round within one standard error of the best one, if its validation value is not below that of
    the start. Without any validation label the last round that was not refused.

    Args:
        task: the task.
        predictions: the answer of every round on the validation rows, the start's first; empty without any.
        validation: those rows.
        refused: rounds that other guards have refused.
    """
    allowed = [number for number in range(1, len(predictions)) if number not in refused]
    if not allowed:
        return 0
    if validation is None or not bool((validation.masks[task.name] > 0).any()):
        return allowed[-1]
    metric = task.chosen_metrics()[0]
    targets = task.original(validation.targets[task.name]).double().numpy()
    mask = (validation.masks[task.name] > 0).numpy()
    scores = [prediction.scores(task).double().numpy() for prediction in predictions]
    sign = 1.0 if metric.direction == "max" else -1.0
    values = [sign * metric.compute(score, targets, mask) for score in scores]
    best = max(allowed, key=lambda number: (values[number], number))
    if math.isnan(values[0]) or math.isnan(values[best]):
        return 0
    kept = best
    for number in allowed:
        if number > best:
            gap = paired_bootstrap(
                metric, [scores[best]], [scores[number]], targets, mask, level=ONE_SIGMA, n_resamples=100
            )
            if gap.value <= (gap.high - gap.low) / 2:
                kept = number
    if values[kept] < values[0]:
        kept = best
    return kept if values[kept] >= values[0] else 0
