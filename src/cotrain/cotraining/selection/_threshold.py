"""Everything that is sure enough."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import at_least, check_number
from cotrain.cotraining.selection._base import Candidates, Selector


@final
class Threshold(Selector):
    """Accept what has at least this calibrated confidence.

    accept = confidence ≥ τ, for the positive value of a label τ₊ if given

    For numbers, whose confidence is the share of rows with a larger spread, τ = .8 accepts the fifth of
    the rows that the peers agree on best.

    Args:
        threshold: τ in (0, 1].
        positive: τ₊ in (0, 1] for the second class of every target, the "yes" of a label: a rare "yes"
            seldom reaches what a common "no" does; `None`: τ. Tasks of more classes go by τ.

    Raises:
        InvalidArgumentError: a threshold is out of range.

    Example:
        >>> Threshold(0.9).threshold
        0.9
    """

    def __init__(self, threshold: float = 0.95, *, positive: float | None = None) -> None:
        check_number(self, 0, 1, open_low=True, threshold=threshold)
        if positive is not None:
            check_number(self, 0, 1, open_low=True, positive=positive)
        self.threshold = threshold
        self.positive = positive

    def select(self, candidates: Candidates) -> Tensor:
        """Return where the confidence reaches the threshold."""
        least = torch.full_like(candidates.confidence, at_least(self.threshold))
        if self.positive is not None and candidates.prior.shape[1] == 2:
            least[candidates.classes == 1] = at_least(self.positive)
        return candidates.free & (candidates.confidence >= least)
