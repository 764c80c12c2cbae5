"""Scores, targets and constants of all rows as arrays beside one another, whatever a task's head reads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base._ragged import Leaf, padded
from cotrain.tasks import Task
from cotrain.tasks._entries import of_length

#: Targets in the unit of the metrics, and mask.
Truth = tuple[np.ndarray, np.ndarray]


def scores_of(task: Task, output: Leaf) -> np.ndarray:
    """Return the scores of all rows, [N, ...], those of positions padded to one length.

    Example:
        >>> from cotrain._base._ragged import Ragged
        >>> from cotrain.tasks import Tagging
        >>> output = Ragged.from_rows([torch.zeros(1, 2), torch.zeros(3, 2)])
        >>> scores_of(Tagging("tags"), output).shape
        (2, 3, 2)
    """
    return task.scores(padded(output)).double().cpu().numpy()


def truth_of(task: Task, targets: Leaf, mask: Leaf) -> Truth:
    """Return coded targets in the unit of the metrics, and the mask or weights, those of positions padded."""
    found = task.original(padded(targets)).double().cpu().numpy()
    return found, padded(mask).cpu().numpy()


def truth_beside(task: Task, truth: Truth, scores: np.ndarray) -> Truth:
    """Return targets and mask with as many positions as the scores have, padded (unlabelled) or cut."""
    if not task.per_position:
        return truth
    like = torch.from_numpy(scores)
    targets, mask = (of_length(torch.from_numpy(entries), like).numpy() for entries in truth)
    return targets, mask


def constant_beside(task: Task, constant: Tensor, scores: np.ndarray) -> np.ndarray:
    """Return the scores of the same output [O] everywhere, for the rows and positions that others have."""
    shape = scores.shape[:2] if task.per_position else scores.shape[:1]
    return task.constant_scores(constant, *shape).double().cpu().numpy()
