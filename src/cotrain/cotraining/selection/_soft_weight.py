"""Everything becomes a label, and counts for less the less sure it is."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import at_least, check_number
from cotrain.cotraining.selection._base import Candidates, Selector

#: A label of less weight than this teaches nothing and only costs time.
_LEAST = 1e-3


@final
class SoftWeight(Selector):
    """Weigh every candidate by a Gaussian of its confidence, cut off at the mean.

        λ(p) = exp(-(max(0, μ - max_c p_c))² / (2 σ² / k²))

    with μ and σ² mean and variance of the confidence over the free rows: whatever is surer than the mean
    counts fully. A threshold throws away much that is right; this keeps the quantity and lets quality decide
    how much it counts.

    Args:
        spreads: k > 0: standard deviations below the mean count as one over k of them; larger is stricter.
        min_confidence: what is less sure gets no label, in [0, 1].

    Raises:
        InvalidArgumentError: an argument is out of range.

    Source: Chen et al., "SoftMatch", 2023, https://arxiv.org/abs/2301.10921, with k = 2 as in its code. There
    μ and σ² are averages over the steps of one training, here over all rows of the round.

    Example:
        >>> one = torch.ones(3, 1, dtype=torch.bool)
        >>> made = Candidates(
        ...     classes=one.long(), confidence=torch.tensor([[0.9], [0.8], [0.7]]), free=one, agree=one,
        ...     prior=torch.tensor([[0.5, 0.5]]), progress=1.0,
        ... )
        >>> [round(weight, 3) for weight in SoftWeight().weights(made).flatten().tolist()]
        [1.0, 1.0, 0.135]
    """

    def __init__(self, spreads: float = 2.0, *, min_confidence: float = 0.0) -> None:
        check_number(self, 0, 1, min_confidence=min_confidence)
        check_number(self, 0, float("inf"), open_low=True, open_high=True, spreads=spreads)
        self.spreads = spreads
        self.min_confidence = min_confidence

    def select(self, candidates: Candidates) -> Tensor:
        """Return where the weight is more than nearly nothing."""
        sure = candidates.confidence >= at_least(self.min_confidence)
        return candidates.free & sure & (self.weights(candidates) >= _LEAST)

    def weights(self, candidates: Candidates) -> Tensor:
        """Return λ of every entry, [N, T] in [0, 1]."""
        confidence, free = candidates.confidence, candidates.free
        count = free.sum(dim=0).clamp(min=1)
        mean = torch.where(free, confidence, 0.0).sum(dim=0) / count
        # Unbiased as in the paper; with one free row nothing is below the mean.
        squares = torch.where(free, (confidence - mean).square(), 0.0).sum(dim=0)
        variance = squares / (count - 1).clamp(min=1)
        below = (mean - confidence).clamp(min=0.0)
        return torch.exp(-below.square() / (2 * variance / self.spreads**2).clamp(min=1e-12))
