"""A growing share of the surest."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import check_number
from cotrain.cotraining.selection._base import Candidates, Selector
from cotrain.cotraining.selection._k_best import surest_first, to_whole


@final
class Curriculum(Selector):
    """Accept the surest share of the rows, a larger one each round, whatever their classes.

    k = ⌊progress · share · n_free + ½⌋

    Args:
        share: of the free rows that the last round labels, in (0, 1].
        growing: whether the share grows from round to round; if not, progress counts as 1 from the first on.

    Raises:
        InvalidArgumentError: `share` is out of range.

    Source: Cascante-Bonilla et al., "Curriculum Labeling", 2021, https://arxiv.org/abs/2001.06001: there up
    to all rows; here 90 % by default, since the last tenth is where a network is wrong most often.

    Example:
        >>> Curriculum(share=1.0).share
        1.0
    """

    def __init__(self, share: float = 0.9, *, growing: bool = True) -> None:
        check_number(self, 0, 1, open_low=True, share=share)
        self.share = share
        self.growing = growing

    def select(self, candidates: Candidates) -> Tensor:
        """Return the surest entries of every target."""
        taken = torch.zeros_like(candidates.free)
        share = self.share * (candidates.progress if self.growing else 1.0)
        for t in range(taken.shape[1]):
            rows = torch.nonzero(candidates.free[:, t]).flatten()
            order = surest_first(candidates.confidence[rows, t])
            n = int(to_whole(torch.tensor(share * len(rows))))
            taken[rows[order[:n]], t] = True
        return taken
