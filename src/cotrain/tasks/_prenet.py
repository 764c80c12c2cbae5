"""What a task that has inputs of its own puts before the common trunk, and behind its head.

Shapes: B rows, S positions of the trunk, D the width of its first stage, F entries of the task's targets,
O outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Entered:
    """What a task's own inputs become before the trunk reads them.

    Args:
        positions: [B, S, D].
        mask: which of them there are, bool [B, S].
        carried: whatever the task's `leave` needs again.

    Example:
        >>> import torch
        >>> Entered(torch.zeros(2, 3, 8), torch.ones(2, 3, dtype=torch.bool)).carried is None
        True
    """

    positions: Tensor
    mask: Tensor
    carried: Any = None


class PreNet(nn.Module, ABC):
    """The first stage and the last step of a task whose inputs are columns that it alone reads.

    Its inputs go through this module in the place of the encoder's first stage, then through all further
    stages, which it shares with the others, and through its head. So every architecture that shares stages
    shares them with such a task, and nothing that the other tasks read reaches it.

    Source: Ao et al., "SpeechT5: Unified-Modal Encoder-Decoder Pre-Training for Spoken Language Processing",
    2021, https://arxiv.org/abs/2110.07205, in small.

    Example:
        >>> import torch
        >>> class Numbers(PreNet):
        ...     keys = ("given:a:numbers",)
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.inner = nn.Linear(1, 4)
        ...     def forward(self, inputs):
        ...         positions = self.inner(inputs["given:a:numbers"].unsqueeze(-1))
        ...         return Entered(positions, torch.ones(positions.shape[:2], dtype=torch.bool))
        ...     def leave(self, output, entered):
        ...         return output
        ...     def lengths(self, inputs):
        ...         return torch.full((len(inputs["given:a:numbers"]),), inputs["given:a:numbers"].shape[1])
        >>> Numbers()({"given:a:numbers": torch.zeros(2, 3)}).positions.shape
        torch.Size([2, 3, 4])
    """

    #: Names of the inputs without which the task cannot be answered.
    keys: tuple[str, ...]

    @abstractmethod
    def forward(self, inputs: Mapping[str, Tensor]) -> Entered:
        """Return what enters the trunk."""

    @abstractmethod
    def leave(self, output: Tensor, entered: Entered) -> Tensor:
        """Return the task's output [B, F, O] of what its head gives for the positions, [B, S, ...]."""

    @abstractmethod
    def lengths(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return how many entries each row's output has, int64 [B]."""
