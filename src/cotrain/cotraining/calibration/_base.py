"""How a confidence becomes an estimate of being right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor


class Calibrator(ABC):
    """Maps probabilities to such as held-out labels bear out. One is made for each task and peer.

    Example:
        >>> import torch
        >>> from cotrain.cotraining import Temperature
        >>> sure = torch.tensor([0.99, 0.01]).expand(40, 1, 2)
        >>> truth = (torch.arange(40)[:, None] % 4 == 0).long()  # a quarter of them is wrong
        >>> calibrated = Temperature().fit(sure, truth, torch.ones(40, 1, dtype=torch.bool)).apply(sure)
        >>> bool(calibrated[0, 0, 0] < 0.9)
        True
    """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return what `fit` learned as plain JSON values."""

    @abstractmethod
    def restored(self, state: Mapping[str, Any]) -> Calibrator:
        """Return a copy that has learned this."""

    @abstractmethod
    def fit(self, probabilities: Tensor, classes: Tensor, mask: Tensor) -> Calibrator:
        """Return a fitted copy.

        Args:
            probabilities: [n, T, C] of rows that the peer did not learn from.
            classes: [n, T] int64, the truth.
            mask: [n, T] bool: where there is a truth.
        """

    @abstractmethod
    def apply(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities [N, T, C]; the order of the classes of a row may change."""
