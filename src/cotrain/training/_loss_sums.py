"""The mean loss of every task over an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from cotrain.gradients._step_losses import places_on


@final
class LossSums:
    """Sums on the device and counts on the host: nothing is transferred before it is asked for.

    Args:
        tasks: names of all K tasks.
        device: where the losses are.
    """

    def __init__(self, tasks: Sequence[str], device: torch.device) -> None:
        self.tasks = list(tasks)
        self.sums = torch.zeros(len(self.tasks), device=device)
        self.counts = dict.fromkeys(self.tasks, 0)

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in the losses of a step's active tasks."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        if len(losses) == len(self.tasks):
            self.sums += values
        else:
            places = tuple(self.tasks.index(task) for task in losses)
            self.sums.index_add_(0, places_on(places, self.sums.device), values)
        for task in losses:
            self.counts[task] += 1

    def means(self) -> dict[str, float]:
        """Return the mean loss of every task that was active."""
        sums = self.sums.tolist()
        return {task: total / n for total, (task, n) in zip(sums, self.counts.items(), strict=True) if n}

    def clear(self) -> None:
        """Begin anew."""
        self.sums.zero_()
        self.counts = dict.fromkeys(self.counts, 0)

    def state_dict(self) -> dict[str, Any]:
        """Return sums and counts."""
        return {"sums": self.sums, "counts": self.counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.sums.copy_(state["sums"])
        self.counts = dict(state["counts"])
