"""How far class shares have moved, and how far they would have moved by chance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base import numpy_generator
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


def starved(shares: Tensor, start: Tensor, prior: Tensor, n_labels: int) -> bool:
    """Say whether a class is predicted less than half as often as by the start and as it is labelled.

    A rare class can die out within any bound on the drift: it has not that much to lose. How often it is
    labelled is taken at the lower end of what its share among the labels leaves open.

    Args:
        shares: [T, C] of the predictions now; NaN where nothing is predicted.
        start: the same of the supervised start.
        prior: [T, C] of the true labels.
        n_labels: number of true labels behind the prior.
    """
    return bool((shares < 0.5 * torch.minimum(start, lower_bound(prior, n_labels))).any())


def lower_bound(prior: Tensor, n_labels: int) -> Tensor:
    """Return the lower end of the one-sided 95 % interval for shares seen among n labels.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927,
    https://doi.org/10.1080/01621459.1927.10502953.
    """
    n, z = max(1, n_labels), 1.645
    spread = (prior * (1 - prior) / n + z**2 / (4 * n**2)).sqrt()
    return ((prior + z**2 / (2 * n) - z * spread) / (1 + z**2 / n)).clamp(min=0.0)


def sampling_drift(prior: Tensor, n_labels: int) -> float:
    """Return how far the shares of n labels stray from the truth by chance in 19 of 20 samples.

    The quantile of half the sum of |differences| over 400 samples of n labels with these very shares, for
    the target where it is largest.
    """
    n, found = max(1, n_labels), 0.0
    generator = numpy_generator(0, "sampling drift")
    for shares in prior.double().numpy():
        counts = generator.multinomial(n, shares / shares.sum(), size=400)
        found = max(found, float(np.quantile(np.abs(counts / n - shares).sum(axis=1) / 2, 0.95)))
    return found


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
