"""How often rows are seen, so that no contender learns longer and true labels are not drowned."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from dataclasses import replace

import torch

from cotrain._base import numpy_generator
from cotrain.training import Examples, Training


def with_updates(settings: Training, n_rows: int, updates: int) -> Training:
    """Return settings whose epochs come nearest to this many optimiser steps, at least one epoch."""
    steps = max(1, math.ceil(n_rows / settings.batch_size))
    changed = copy.copy(settings)
    changed.epochs = max(1, round(updates / steps))
    return changed


def repeated_rows(true: torch.Tensor, batch_size: int, at_least: int) -> torch.Tensor:
    """Repeat the rows with true labels so that a batch holds `at_least` of them on average.

    Args:
        true: [N] bool: which rows have a true label.
        batch_size: rows of a batch.
        at_least: rows with a true label per batch, at most half of the batch are asked for.

    Returns:
        numbers of rows, those with a true label first.
    """
    n_true, n_rest = int(true.sum()), int((~true).sum())
    if not n_true or not n_rest:
        return torch.arange(len(true))
    share = min(0.5, at_least / batch_size)
    times = max(1, math.ceil(share / (1 - share) * n_rest / n_true))
    return torch.cat([torch.nonzero(true).flatten().repeat(times), torch.nonzero(~true).flatten()])


def bootstrapped(examples: Examples, *names: int | str, numbers: Collection[str] = ()) -> Examples:
    """Weigh the labels as if as many rows had been drawn with replacement; a class never loses its last.

    Args:
        examples: N rows with label masks.
        names: of the random stream.
        numbers: tasks whose targets are numbers: every value is one of its kind, and none is kept for it.
    """
    draws = numpy_generator(*names, "bootstrap").poisson(1.0, len(examples))
    times = torch.from_numpy(draws).float()
    masks = {}
    for task, mask in examples.masks.items():
        weighted = mask.float() * times[:, None]
        for t in range(mask.shape[1]):
            # Of numbers all labels are one group.
            group = (
                torch.zeros_like(examples.targets[task][:, t])
                if task in numbers
                else examples.targets[task][:, t]
            )
            for value in group[mask[:, t] > 0].unique():
                rows = torch.nonzero((mask[:, t] > 0) & (group == value)).flatten()
                if len(rows) and not (weighted[rows, t] > 0).any():
                    weighted[rows[0], t] = 1.0
        masks[task] = weighted
    return replace(examples, masks=masks)
