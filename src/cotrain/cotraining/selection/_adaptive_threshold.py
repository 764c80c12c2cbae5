"""A threshold per class that follows how well the class is learned."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import at_least, check_number
from cotrain.cotraining._entries import class_counts
from cotrain.cotraining.selection._base import Candidates, Selector


@final
class AdaptiveThreshold(Selector):
    """Ask less confidence of classes that are seldom predicted surely.

    σ_c = number of free rows predicted as c with confidence ≥ τ
    τ_c = τ · β_c / (2 - β_c),  β_c = σ_c / max_c' σ_c'

    Args:
        threshold: τ in (0, 1], what the best learned class needs.
        min_confidence: floor of every τ_c, in [0, 1].

    Raises:
        InvalidArgumentError: an argument is out of range.

    Source: Zhang et al., "FlexMatch", 2021, https://arxiv.org/abs/2110.08263. The floor is ours: with few
    labels a class without any sure row would otherwise be accepted at any confidence. The paper's
    warm-up, which lowers all thresholds as long as most rows are not sure, β_c = σ_c / max(max σ, N - Σ σ),
    is left out: the teachers have learned before they label.

    Example:
        >>> AdaptiveThreshold(0.9).threshold
        0.9
    """

    def __init__(self, threshold: float = 0.9, *, min_confidence: float = 0.5) -> None:
        check_number(self, 0, 1, open_low=True, threshold=threshold)
        check_number(self, 0, 1, min_confidence=min_confidence)
        self.threshold = threshold
        self.min_confidence = min_confidence

    def select(self, candidates: Candidates) -> Tensor:
        """Return where the confidence reaches the threshold of the predicted class."""
        sure = candidates.free & (candidates.confidence >= at_least(self.threshold))
        n_classes = candidates.prior.shape[1]
        counts = class_counts(candidates.classes, sure, n_classes)
        beta = counts / counts.amax(dim=1, keepdim=True).clamp(min=1.0)
        least = (self.threshold * beta / (2 - beta)).clamp(min=min(self.min_confidence, self.threshold))
        of_entry = least[torch.arange(len(least)), candidates.classes]
        return candidates.free & (candidates.confidence >= of_entry * at_least(1.0))
