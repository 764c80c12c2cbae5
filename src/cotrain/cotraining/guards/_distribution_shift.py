"""How far class shares have moved, and how far they would have moved by chance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from cotrain.cotraining._predictions import class_targets, n_classes
from cotrain.tasks import Task
from cotrain.training import Examples


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


def accepted_drift(
    task: Task, examples: Examples, prior: Tensor, *, classes: Tensor, accepted: Tensor
) -> float:
    """Return the drift of the class shares among true labels and accepted pseudo-labels together.

    Args:
        task: of classes or labels.
        examples: N rows with the true labels.
        prior: [T, C] shares that the drift is measured from.
        classes: [N, T] int64: what the pseudo-labels say.
        accepted: [N, T] bool: where there is one.
    """
    n = n_classes(task)
    true = examples.masks[task.name] > 0
    together = torch.where(true, class_targets(task, examples.targets[task.name]), classes)
    return drift(shares_of(together, true | accepted, n), prior)
