"""An exponential average of the weights along the way."""

from __future__ import annotations

import copy
from typing import final

import torch
from torch import Tensor

from cotrain.networks import MultiTaskNetwork


@final
class WeightAverage:
    """θ̄ ← d θ̄ + (1 − d) θ after every step, with d = min(decay, (t + 1) / (t + 10)) at step t.

    The memory is shorter at first, so that the average does not remember the initial weights; buffers are
    copied, and parameters that do not learn are the network's own. Polyak & Juditsky, "Acceleration of
    Stochastic Approximation by Averaging", 1992, https://doi.org/10.1137/0330046; in this form Tarvainen &
    Valpola, "Mean teachers", 2017, https://arxiv.org/abs/1703.01780.

    Args:
        model: the network that is trained.
        decay: d in the long run, in (0, 1).
    """

    def __init__(self, model: MultiTaskNetwork, decay: float) -> None:
        self.decay = decay
        frozen = {id(parameter): parameter for parameter in model.parameters() if not parameter.requires_grad}
        self.model = copy.deepcopy(model, {**frozen})  # what the copy would copy is taken for copied already
        # Listed once: to walk through all modules in every step would cost a tenth of it.
        pairs = list(zip(self.model.parameters(), model.parameters(), strict=True))
        self._mine: list[Tensor] = [mine for mine, theirs in pairs if mine is not theirs]
        self._theirs: list[Tensor] = [theirs for mine, theirs in pairs if mine is not theirs]
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`."""
        decay = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
        for mine, theirs in self._buffers:
            mine.copy_(theirs)
