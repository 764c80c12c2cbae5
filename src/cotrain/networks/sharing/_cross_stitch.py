"""Cross-stitch units: each task's network reads a learned mixture of all tasks' activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit
from cotrain.networks.sharing._task_columns import TaskColumns


@final
class CrossStitch(Sharing):
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

    def __init__(self, own: float = 0.9, *, shared_stages: int = 1) -> None:
        super().__init__()
        if not 0 <= own <= 1:
            raise InvalidArgumentError(f"CrossStitch(own={own!r}): expected a value in [0, 1].")
        check_at_least(self, 0, shared_stages=shared_stages)
        self.own = own
        self.shared_stages = shared_stages

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make a column per task and a unit per stage."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.units = nn.ModuleList(StitchUnit(len(tasks), self.own) for _ in parts.widths)
        self.columns = TaskColumns(parts, len(tasks))
        self._width = parts.widths[-1]
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the last unit gives each task."""
        return dict(zip(self.tasks, self.columns(inputs, self.units)[-1], strict=True))

    def widths(self) -> dict[str, int]:
        """Return the width of a column for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return nothing: through the units every task uses every column."""
        return []


@final
class StitchUnit(nn.Module):
    """[n, B, ...] -> [n, B, ...], each of n activations replaced by a learned sum of all."""

    def __init__(self, n: int, own: float) -> None:
        super().__init__()
        mixing = torch.full((n, n), (1 - own) / max(n - 1, 1))
        self.mixing = nn.Parameter(mixing.fill_diagonal_(own if n > 1 else 1.0))

    def forward(self, hidden: Tensor) -> Tensor:
        return (self.mixing @ hidden.flatten(1)).view(hidden.shape)
