"""Entire-space products: a chain of events of which the later is possible only after the earlier."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.networks._output_space import Labels, OutputSpace
from cotrain.tasks import Binary, Task


@final
class ESMM(OutputSpace):
    """The probability of a later event is the product of the conditional ones along the chain.

    P(y₁ = 1, …, yₜ = 1 | x) = Π_{i ≤ t} σ(oᵢ),  given as its logit

    oᵢ: output of the i-th task's head, which thus learns P(yᵢ = 1 | yᵢ₋₁ = 1, x), such as the rate of
    purchases among clicks, from all rows: no row is left out because the earlier event did not happen, so
    the tasks of the chain must not have a `when`. A label that another one implies is filled in: where an
    event did not happen those after it did not either, and where one happened so did those before it.

    Source: Ma et al., "Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click
    Conversion Rate", 2018, https://arxiv.org/abs/1804.07931

    Args:
        chain: names of binary tasks from the earliest event to the latest, at least two.

    Raises:
        InvalidArgumentError: if the chain is too short or names a task twice; in use, if a task is not there.

    Example:
        >>> outputs = {"click": torch.zeros(1, 1), "purchase": torch.zeros(1, 1)}
        >>> torch.sigmoid(ESMM(["click", "purchase"])(outputs)["purchase"])
        tensor([[0.2500]])
    """

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__()
        if isinstance(chain, str) or len(chain) < 2 or len(set(chain)) < len(chain):
            raise InvalidArgumentError(f"ESMM(chain={chain!r}): expected at least two different task names.")
        self.chain = tuple(chain)

    def forward(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Replace the logits of the chain's tasks by those of the products."""
        given = dict(outputs)
        log_probability: Tensor | None = None
        for task in self.chain:
            if task not in outputs:
                raise InvalidArgumentError(
                    f"ESMM(chain=...) names the task {task!r}: {did_you_mean(task, outputs)}"
                )
            own = functional.logsigmoid(outputs[task])
            log_probability = own if log_probability is None else log_probability + own
            if task != self.chain[0]:
                given[task] = log_probability - _log_one_minus_exp(log_probability)
        return given

    def check(self, tasks: Sequence[Task]) -> None:
        """Raise unless every task of the chain is there, is binary, and is labelled on the entire space."""
        known = {task.name: task for task in tasks}
        for name in self.chain:
            if name not in known:
                raise InvalidArgumentError(
                    f"ESMM(chain=...) names the task {name!r}: {did_you_mean(name, known)}"
                )
            task = known[name]
            if not isinstance(task, Binary):
                raise InvalidArgumentError(
                    f"ESMM(chain=...) is a chain of yes-or-no events, but the task {name!r} is "
                    f"{type(task).__name__}: leave it out of the chain, or make it Binary."
                )
            if task.when is not None:
                raise InvalidArgumentError(
                    f"ESMM(chain=...) learns the task {name!r} from all rows, but it has when={task.when!r}: "
                    "drop the condition: where the earlier event did not happen the label is 0, given or not."
                )

    def implied(self, targets: Labels, masks: Labels) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Fill in 1 before an event that happened and 0 after one that did not, where there is no label."""
        targets, masks = dict(targets), dict(masks)
        pairs = list(itertools.pairwise(self.chain))
        for earlier, later in reversed(pairs):
            happened = (masks[later] > 0) & (targets[later] == 1) & ~(masks[earlier] > 0)
            targets[earlier] = torch.where(happened, 1.0, targets[earlier])
            # How much the row counts is that of the label that implies.
            masks[earlier] = torch.where(happened, masks[later].to(masks[earlier].dtype), masks[earlier])
        for earlier, later in pairs:
            failed = (masks[earlier] > 0) & (targets[earlier] == 0) & ~(masks[later] > 0)
            targets[later] = torch.where(failed, 0.0, targets[later])
            masks[later] = torch.where(failed, masks[earlier].to(masks[later].dtype), masks[later])
        return targets, masks

    def contradiction(self, targets: Labels, masks: Labels) -> str:
        """Say how many rows have an event after one that did not happen."""
        targets, masks = self.implied(targets, masks)
        for earlier, later in itertools.pairwise(self.chain):
            failed = (masks[earlier] > 0) & (targets[earlier] == 0)
            if n := int((failed & (masks[later] > 0) & (targets[later] == 1)).sum()):
                return (
                    f"ESMM: {n} row{'s have' if n > 1 else ' has'} {later!r} without {earlier!r}, which the "
                    f"chain rules out: correct the labels, or leave {later!r} out of the chain."
                )
        return ""

    def reads(self, task: str) -> tuple[str, ...]:
        """Return the tasks before this one in the chain."""
        return self.chain[: self.chain.index(task)] if task in self.chain else ()


def _log_one_minus_exp(log_p: Tensor) -> Tensor:
    """Return log(1 − eˣ) for x < 0, from whichever of its two forms loses no digits."""
    below = log_p.clamp(max=-torch.finfo(log_p.dtype).tiny)
    large = below > -math.log(2)
    # Each form gets an argument for which its gradient is finite, also where it is not chosen.
    near_one = torch.log(-torch.expm1(torch.where(large, below, torch.full_like(below, -0.1))))
    near_zero = torch.log1p(-torch.exp(torch.where(large, torch.full_like(below, -1.0), below)))
    return torch.where(large, near_one, near_zero)
