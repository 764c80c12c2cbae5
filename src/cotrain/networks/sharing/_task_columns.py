"""One column of stages per task, side by side, so that units can stand between them.

Shapes: K tasks, B batch, D width. What passes between the stages is [K, B, ...].
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain.networks._positions import mask_after, run_stage
from cotrain.networks._stacking import stack_stages
from cotrain.networks.sharing._encoder_split import EncoderSplit


@final
class TaskColumns(nn.Module):
    """K copies of the stages after the shared ones; the copies of a stage are batched where they can be."""

    def __init__(self, parts: EncoderSplit, n_tasks: int) -> None:
        super().__init__()
        self.trunk = parts.trunk
        copies = list(zip(*parts.chains(n_tasks), strict=True))
        #: With no shared stages the first ones read the inputs themselves, each on its own.
        self.first = None if len(parts.trunk) else nn.ModuleList(copies.pop(0))
        self.stages = nn.ModuleList(stack_stages(stage) for stage in copies)
        self.n_tasks = n_tasks

    def forward(self, inputs: dict[str, Tensor], units: nn.ModuleList) -> list[Tensor]:
        """Run the stages with a unit [K, B, ...] -> [K, B, ...] after each; return what each unit gave."""
        return self.levels(inputs, units)[1]

    def levels(self, inputs: dict[str, Tensor], units: nn.ModuleList) -> tuple[list[Tensor], list[Tensor]]:
        """Return what each of the shared stages gives, [B, ...], and what each unit gives, [K, B, ...]."""
        shared: list[Tensor] = self.trunk(inputs, every=True)
        given: list[Tensor] = []
        masks = self.masks(inputs)
        if self.first is None:
            hidden = shared[-1].unsqueeze(0)
        else:
            hidden = units[0](torch.stack([run_stage(stage, inputs, None) for stage in self.first]))
            given.append(hidden)
        before = masks if self.first is not None else [self.trunk.mask_after(inputs), *masks]
        for stage, mask in zip(self.stages, before, strict=False):
            hidden = units[len(given)](run_stage(stage, hidden, mask))
            given.append(hidden)
        return shared, given

    def masks(self, inputs: dict[str, Tensor]) -> list[Tensor | None]:
        """Return the mask of the positions after each of the stages that have units."""
        masks: list[Any] = []
        before = self.trunk.mask_after(inputs)
        if self.first is not None:
            masks.append(mask_after(self.first[0], inputs))
            before = masks[0]
        for stage in self.stages:
            before = mask_after(stage, before)
            masks.append(before)
        return masks
