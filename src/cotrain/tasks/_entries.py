"""Targets and masks beside outputs of other length."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional


def rows_with_label(mask: np.ndarray) -> np.ndarray:
    """Return which rows have a label, whatever axes come after them, bool [N].

    Example:
        >>> rows_with_label(np.array([[[False, True]], [[False, False]]])).tolist()
        [True, False]
    """
    return np.logical_or.reduce(mask, axis=tuple(range(1, mask.ndim)))


def of_length(entries: Tensor, output: Tensor) -> Tensor:
    """Return targets or masks [B, S, ...] of the length of an output [B, S, ...], padded by 0 or cut.

    Entries without an axis of positions, as those of ragged rows one after the other, are left as they are.

    Example:
        >>> import torch
        >>> of_length(torch.tensor([[True, True]]), torch.zeros(1, 3, 5)).tolist()
        [[True, True, False]]
    """
    if entries.dim() < 2 or entries.shape[1] == output.shape[1]:
        return entries
    missing = output.shape[1] - entries.shape[1]
    return functional.pad(entries, (*(0, 0) * (entries.dim() - 2), 0, missing))
