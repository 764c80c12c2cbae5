"""Cross-stitch units: each task's network reads a learned mixture of all tasks' activations."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from cotrain.networks.sharing._stitched_columns import StitchedColumns


@final
class CrossStitch(StitchedColumns):
    """One column of stages per task; after each stage the columns exchange what they have found.

    h̃ₖˡ = Σⱼ αₖⱼˡ hⱼˡ, and stage l + 1 of column k reads h̃ₖˡ.

    αˡ: K×K learned numbers, at first `own` on the diagonal and (1 − own) / (K − 1) elsewhere.

    Source: Misra et al., "Cross-stitch Networks for Multi-task Learning", 2016,
    https://arxiv.org/abs/1604.03539. The columns start from independent weights instead of from trained
    single-task networks.

    Args:
        own: α of a task's own column at first, in [0, 1].
        shared_stages: first stages of the encoder that there is only one of, ≥ 0 (the paper's: 0).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = CrossStitch().build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 8])
    """

    def unit(self, n_tasks: int, width: int) -> nn.Module:
        """Return K×K learned numbers."""
        return StitchUnit(n_tasks, self.own)


@final
class StitchUnit(nn.Module):
    """[n, B, ...] -> [n, B, ...], each of n activations replaced by a learned sum of all."""

    def __init__(self, n: int, own: float) -> None:
        super().__init__()
        mixing = torch.full((n, n), (1 - own) / max(n - 1, 1))
        self.mixing = nn.Parameter(mixing.fill_diagonal_(own if n > 1 else 1.0))

    def forward(self, hidden: Tensor) -> Tensor:
        return (self.mixing @ hidden.flatten(1)).view(hidden.shape)
