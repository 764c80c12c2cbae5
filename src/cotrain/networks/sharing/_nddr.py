"""Neural discriminative dimensionality reduction: a learned projection of all tasks' features."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from cotrain.networks.sharing._stitched_columns import StitchedColumns


@final
class NDDR(StitchedColumns):
    """One column of stages per task; after each stage every column reads a projection of all features.

    h̃ₖˡ = [h₁ˡ, …, h_Kˡ] Wₖˡ,  Wₖˡ of size K·D × D (a 1×1 convolution for maps)

    At first Wₖ is `own` times the identity on the task's own features and (1 − own) / (K − 1) times it on the
    others'.

    Source: Gao et al., "NDDR-CNN: Layerwise Feature Fusing in Multi-Task CNNs by Neural Discriminative
    Dimensionality Reduction", 2018, https://arxiv.org/abs/1801.08297. Batch norm after the projection and
    the shortcut to the last layer are left out: the encoder has its own norms, and a batch of one must work.

    Args:
        own: diagonal of a task's own block at first, in [0, 1].
        shared_stages: first stages of the encoder that there is only one of, ≥ 0 (the paper's: 0).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = NDDR().build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 8])
    """

    def unit(self, n_tasks: int, width: int) -> nn.Module:
        """Return a projection of all tasks' features."""
        return ProjectionUnit(n_tasks, width, self.own)


@final
class ProjectionUnit(nn.Module):
    """[K, B, D, ...] -> [K, B, D, ...] by one product with a weight [K·D, K·D]."""

    def __init__(self, n_tasks: int, width: int, own: float) -> None:
        super().__init__()
        factors = torch.full((n_tasks, n_tasks), (1 - own) / max(n_tasks - 1, 1))
        factors.fill_diagonal_(own if n_tasks > 1 else 1.0)
        # Rows: what is read (task j, unit d); columns: what is given (task k, unit e).
        self.mixing = nn.Parameter(torch.kron(factors.T.contiguous(), torch.eye(width)))

    def forward(self, hidden: Tensor) -> Tensor:
        n_tasks = hidden.shape[0]
        last = hidden.movedim(2, -1) if hidden.dim() == 5 else hidden  # [K, B, ..., D]
        side_by_side = last.movedim(0, -2).flatten(-2)  # [B, ..., K D]
        given = (side_by_side @ self.mixing).unflatten(-1, (n_tasks, -1)).movedim(-2, 0)
        return given.movedim(-1, 2) if hidden.dim() == 5 else given
