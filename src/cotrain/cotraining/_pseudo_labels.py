"""Labels that peers made, kept apart from those that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from cotrain.tasks import Task
from cotrain.training import Examples


@final
@dataclass(frozen=True)
class PseudoLabels:
    """The pseudo-labels of one task on N rows, as one round decided them.

    Args:
        values: [N, T] in the coding of the task's targets; 0 where none was accepted.
        confidence: [N, T] in [0, 1]: the estimated probability of being right; 0 where none.
        weight: [N, T] ≥ 0: how much each counts in the loss; 0 where none was accepted.
        round: the round that decided them, from 1; 0 = no labels.
        teacher: names of the peers that made them.
    """

    values: Tensor
    confidence: Tensor
    weight: Tensor
    round: int = 0
    teacher: str = ""

    @classmethod
    def none(cls, targets: Tensor) -> PseudoLabels:
        """Return an empty store for targets [N, T]."""
        nothing = torch.zeros(targets.shape)
        return cls(torch.zeros_like(targets), nothing, nothing)

    @property
    def accepted(self) -> Tensor:
        """Where there is a pseudo-label, bool [N, T]."""
        return self.weight > 0

    @property
    def n_accepted(self) -> int:
        """Number of pseudo-labels."""
        return int(self.accepted.sum())


def with_pseudo_labels(examples: Examples, tasks: list[Task], labels: Mapping[str, PseudoLabels]) -> Examples:
    """Return new examples in which unlabelled cells have pseudo-labels and their weights.

    The given tensors are read only. Where there is a true label it stands, with its own weight, whatever
    the store says.

    Args:
        examples: N rows with the true labels.
        tasks: which targets to keep.
        labels: task -> its store; a task that is absent keeps its true labels only.
    """
    targets, masks = {}, {}
    for task in tasks:
        truth, mask = examples.targets[task.name], examples.masks[task.name].float()
        if task.name in labels:
            cache, true = labels[task.name], examples.masks[task.name] > 0
            truth = torch.where(true, truth, cache.values.to(truth.dtype))
            mask = torch.where(true, mask, cache.weight)
        targets[task.name], masks[task.name] = truth, mask
    return Examples(examples.inputs, targets, masks)
