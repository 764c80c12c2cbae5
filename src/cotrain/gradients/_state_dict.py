"""State that `torch.load(weights_only=True)` reads: tensors, numbers, strings, lists, dicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

_ARRAY = "numpy array"


def to_plain(value: Any) -> Any:
    """Turn NumPy arrays into marked tensors and NumPy scalars into numbers, all the way down."""
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.array(value))}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(to_plain(item) for item in value)
    return value


def from_plain(value: Any) -> Any:
    """Undo `to_plain`."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return np.array(value[_ARRAY].cpu().numpy())
        return {key: from_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(from_plain(item) for item in value)
    return value
