"""State as `torch.load(weights_only=True)` reads it (tensors, numbers, strings, lists, dicts); who has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

_ARRAY = "numpy array"


class StatefulBalance(Protocol):
    """What the callbacks of trainers need of a `Balance`: its weights to log, its epochs, its state.

    Example:
        >>> from torch import nn
        >>> from cotrain.balancing import Equal
        >>> from cotrain.gradients import Balance
        >>> balance: StatefulBalance = Balance(Equal(), nn.Linear(2, 1).parameters(), tasks=["a", "b"])
        >>> balance.tasks
        ('a', 'b')
    """

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """The K names; `None` before the first step, if none were given."""

    @property
    def weights(self) -> Tensor | None:
        """The K weights of the last step; `None` before the first."""

    def end_epoch(self) -> None:
        """Hear that an epoch has ended."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""


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
