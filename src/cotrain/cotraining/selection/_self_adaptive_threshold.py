"""A threshold that the predictions themselves set, for all and for each class."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import at_least, check_number
from cotrain.cotraining.selection._base import Candidates, Selector


@final
class SelfAdaptiveThreshold(Selector):
    """Ask for the mean confidence, and less for classes that are seldom predicted.

        τ   = mean over the free rows of max_c p_c
        p̃_c = mean over the free rows of p_c
        τ_c = τ · p̃_c / max_c' p̃_c'

    Nothing is to be tuned: while the peers are unsure τ is low and much is labelled, later it rises.

    Args:
        min_confidence: floor of every τ_c, in [0, 1].

    Raises:
        InvalidArgumentError: the floor is out of range.

    Source: Wang et al., "FreeMatch", 2023, https://arxiv.org/abs/2205.07246. There τ and p̃ are averages over
    the steps of one training, here over all rows of the round; the fairness penalty of the paper is left out,
    since the class shares are guarded anyway; the floor is ours.

    Example:
        >>> SelfAdaptiveThreshold().min_confidence
        0.5
    """

    def __init__(self, *, min_confidence: float = 0.5) -> None:
        check_number(self, 0, 1, min_confidence=min_confidence)
        self.min_confidence = min_confidence

    def select(self, candidates: Candidates) -> Tensor:
        """Return where the confidence reaches the threshold of the predicted class."""
        confidence, free = candidates.confidence, candidates.free
        count = free.sum(dim=0).clamp(min=1)
        overall = torch.where(free, confidence, 0.0).sum(dim=0) / count
        shares = torch.where(free[..., None], candidates.class_probabilities(), 0.0).sum(dim=0)
        least = overall[:, None] * shares / shares.amax(dim=1, keepdim=True).clamp(min=1e-12)
        least = least.clamp(min=self.min_confidence)
        of_entry = torch.gather(
            least[None].expand(len(confidence), -1, -1), -1, candidates.classes[..., None]
        )
        return free & (confidence >= of_entry[..., 0] * at_least(1.0))
