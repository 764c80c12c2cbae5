"""Multi-task attention network: one shared network and soft masks of each task's own on its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import check_number
from cotrain.networks._base import Encoder
from cotrain.networks._positions import PositionwiseLinear, concatenate, fit_positions, mask_after, walk
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit


@final
class MTAN(Sharing):
    """One shared encoder; after each stage every task keeps, unit by unit, what it needs of the features.

    aₖˡ = σ(Vₖˡ relu(Uₖˡ [pˡ, fₖˡ(âₖˡ⁻¹)])),  âₖˡ = aₖˡ ⊙ pˡ,  hₖ = âₖᴸ

    pˡ: the shared features after stage l; fₖˡ = relu(Fₖˡ ·), brought to the positions of pˡ; U, V, F: linear
    maps over the width (1×1 convolutions for maps). The first masked stage has no f.

    Source: Liu et al., "End-to-End Multi-Task Learning with Attention", 2018,
    https://arxiv.org/abs/1803.10704. There each block masks its last features by a mask from its first
    ones; a stage gives us one tensor, which takes both parts. Norms are left out, and f is a 1×1 instead of
    a 3×3 convolution.

    Args:
        reduction: the hidden width of a mask is the stage's divided by this, ≥ 1.
        shared_stages: first stages of the encoder that are not masked, ≥ 1.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = MTAN().build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 8])
    """

    def __init__(self, reduction: int = 1, *, shared_stages: int = 1) -> None:
        super().__init__()
        check_number(self, 1, reduction=reduction, shared_stages=shared_stages)
        self.reduction = reduction
        self.shared_stages = shared_stages

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the encoder, and a mask per task and stage."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        self.stages = nn.ModuleList(parts.chains(1)[0])
        before = [0, *parts.widths]
        self.masks = nn.ModuleList(
            nn.ModuleList(
                _Mask(width, below, max(width // self.reduction, 1))
                for width, below in zip(parts.widths, before, strict=False)
            )
            for _ in tasks
        )
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's masked features of the last stage."""
        given = self._masked(self.trunk(inputs), self.trunk.mask_after(inputs))
        return {task: levels[-1] for task, levels in given.items()}

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and each task's masked features of the others."""
        shared = self.trunk(inputs, every=True)
        given = self._masked(shared[-1], self.trunk.mask_after(inputs))
        return {task: [*shared, *levels] for task, levels in given.items()}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _masked(self, hidden: Tensor, before: Tensor | None) -> dict[str, list[Tensor]]:
        features = list(walk(self.stages, hidden, before))
        below = [None, *(positions for _, positions in features)]
        given: dict[str, list[Tensor]] = {}
        per_task: list[Any] = list(self.masks)
        for task, masks in zip(self.tasks, per_task, strict=True):
            levels: list[Tensor] = []
            for mask, (shared, _), positions in zip(masks, features, below, strict=False):
                levels.append(mask(shared, levels[-1] if levels else None, positions))
            given[task] = levels
        return given

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of the last stage."""
        before = self.trunk.mask_after(inputs)
        for stage in self.stages:
            before = mask_after(stage, before)
        return before

    def widths(self) -> dict[str, int]:
        """Return the encoder's width for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's masks."""
        return [self.masks[self.tasks.index(task)]]


@final
class _Mask(nn.Module):
    def __init__(self, width: int, below: int, inner: int) -> None:
        super().__init__()
        self.transfer = PositionwiseLinear(below, width) if below else None
        self.inner = PositionwiseLinear(2 * width if below else width, inner)
        self.outer = PositionwiseLinear(inner, width)

    def forward(self, shared: Tensor, kept: Tensor | None, positions: Tensor | None) -> Tensor:
        read = shared
        if self.transfer is not None and kept is not None:
            carried = functional.relu(self.transfer(kept))
            read = concatenate([shared, fit_positions(carried, shared, positions)])
        return torch.sigmoid(self.outer(functional.relu(self.inner(read)))) * shared
