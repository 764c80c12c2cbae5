"""One number that makes a network less sure of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cotrain.cotraining.calibration._base import Calibrator


@final
class Temperature(Calibrator):
    """Flatten or sharpen all probabilities by one exponent.

        p'(c) ∝ p(c)^(1 / T)

    with T in [1/4, 20] of least log-loss on the held-out labels and one more, found on a grid. That one has a
    class drawn from the shares of the others, of which the inputs say nothing: a few labels that happen to be
    right would make a network as sure as it can be. The most probable class stays the same, so this changes
    what is accepted and never what is predicted. With fewer than ten held-out labels T is 1.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599.
    There is no label more.

    Example:
        >>> sure = torch.tensor([[[0.99, 0.01]]]).repeat(20, 1, 1)
        >>> truth = (torch.arange(20) % 4 == 0).long()[:, None]
        >>> fitted = Temperature().fit(sure, truth, truth >= 0)
        >>> round(float(fitted.apply(sure)[0, 0, 0]), 2)
        0.75
    """

    #: Fewest held-out labels to fit to.
    LEAST = 10

    def __init__(self) -> None:
        self.temperature = 1.0

    def state_dict(self) -> dict[str, Any]:
        """Return the temperature."""
        return {"temperature": self.temperature}

    def restored(self, state: Mapping[str, Any]) -> Temperature:
        """Return a copy with this temperature."""
        made = Temperature()
        made.temperature = float(state["temperature"])
        return made

    def fit(self, probabilities: Tensor, classes: Tensor, mask: Tensor) -> Temperature:
        """Return a copy with the temperature of least log-loss."""
        fitted = Temperature()
        known = mask & (classes < probabilities.shape[-1])
        if int(known.sum()) >= self.LEAST:
            logits, truth = _logits(probabilities[known]), classes[known]
            counts = torch.bincount(truth, minlength=logits.shape[-1]) + 0.5
            shares = (counts / counts.sum()).to(logits.dtype)
            grid = np.geomspace(0.25, 20.0, 89)
            fitted.temperature = float(
                grid[_lowest(lambda at: _log_loss(logits / grid[at], truth, shares), len(grid))]
            )
        return fitted

    def apply(self, probabilities: Tensor) -> Tensor:
        """Return the flattened probabilities."""
        return torch.softmax(_logits(probabilities) / self.temperature, dim=-1)


def _logits(probabilities: Tensor) -> Tensor:
    return probabilities.clamp(min=1e-7).log()


def _log_loss(logits: Tensor, truth: Tensor, shares: Tensor) -> float:
    """Return that of the labels and of one more, whose class is drawn from the shares, by their number."""
    found = functional.log_softmax(logits, dim=-1)
    return float(functional.nll_loss(found, truth) - (found @ shares).mean() / len(truth))


def _lowest(loss: Callable[[int], float], n: int) -> int:
    """Return which of n places has the least loss, of one that falls and then rises.

    The log-loss is convex in 1 / T, so that a third of what is left can be thrown away at each step: 12 to 16
    temperatures are tried in place of 89, which counts where there are millions of pixels.
    """
    known: dict[int, float] = {}

    def at(place: int) -> float:
        if place not in known:
            known[place] = loss(place)
        return known[place]

    low, high = 0, n - 1
    while high - low > 2:
        third = (high - low) // 3
        left, right = low + third, high - third
        low, high = (low, right) if at(left) <= at(right) else (left, high)
    return min(range(low, high + 1), key=at)
