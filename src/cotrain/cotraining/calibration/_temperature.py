"""One number that makes a network less sure of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain.cotraining.calibration._base import Calibrator


@final
class Temperature(Calibrator):
    """Flatten or sharpen all probabilities by one exponent.

        p'(c) ∝ p(c)^(1 / T)

    with T in [1/4, 20] of least log-loss on the held-out labels, found on a grid. The most probable class
    stays the same, so this changes what is accepted and never what is predicted. With fewer than ten
    held-out labels T is 1.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017, https://arxiv.org/abs/1706.04599.

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
            p, truth = probabilities[known], classes[known]
            grid = np.geomspace(0.25, 20.0, 89)
            losses = [float(_log_loss(_powered(p, 1 / t), truth)) for t in grid]
            fitted.temperature = float(grid[int(np.argmin(losses))])
        return fitted

    def apply(self, probabilities: Tensor) -> Tensor:
        """Return the flattened probabilities."""
        return _powered(probabilities, 1 / self.temperature)


def _powered(probabilities: Tensor, exponent: float) -> Tensor:
    return torch.softmax(probabilities.clamp(min=1e-7).log() * exponent, dim=-1)


def _log_loss(probabilities: Tensor, truth: Tensor) -> Tensor:
    return -probabilities.gather(-1, truth[:, None]).clamp(min=1e-7).log().mean()
