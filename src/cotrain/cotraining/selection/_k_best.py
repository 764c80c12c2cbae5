"""The k surest of each class."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from cotrain._base import at_least, check_number, tie_groups
from cotrain.cotraining.selection._base import Candidates, Selector


@final
class KBest(Selector):
    """Accept the surest of each class, as many as the class has among the true labels.

    k_c = ⌊progress · share · n_free · prior_c + ½⌋

    A quota counts among the rows predicted as c; what a class does not fill stays unlabelled, so that a
    common class never takes a rare one's place. The quotas grow from round to round up to `share` of the
    free rows: the last and least sure rows are never labelled.

    Where a least confidence is asked for, a class that is seldom sure would starve beside the others: with
    `class_balance` it gets at least its part of what all classes together have filled of their quotas,

    n_c ≥ class_balance · k_c · Σ n / Σ k

    Args:
        share: of the free rows that the last round may label, in (0, 1].
        min_confidence: below which a class is not accepted, in [0, 1]. Numbers are taken by `share` alone:
            their confidence is a rank, and the same share of any rows is above `min_confidence`.
        class_balance: how much of the common part of its quota a class gets whatever its confidence,
            in [0, 1].
        growing: whether the quotas grow from round to round; if not, progress counts as 1 from the first on.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Source: Blum & Mitchell, "Combining Labeled and Unlabeled Data with Co-Training", 1998,
    https://doi.org/10.1145/279943.279962, take fixed p positives and n negatives a round and keep them for
    ever; here the labels are decided anew each round.

    Example:
        >>> KBest(share=0.5).share
        0.5
    """

    def __init__(
        self,
        share: float = 0.8,
        *,
        min_confidence: float = 0.0,
        class_balance: float = 0.0,
        growing: bool = True,
    ) -> None:
        check_number(self, 0, 1, open_low=True, share=share)
        check_number(self, 0, 1, min_confidence=min_confidence, class_balance=class_balance)
        self.share = share
        self.min_confidence = min_confidence
        self.class_balance = class_balance
        self.growing = growing

    def select(self, candidates: Candidates) -> Tensor:
        """Return the surest of each class."""
        n_free = candidates.free.sum(dim=0).to(candidates.prior.dtype)
        progress = candidates.progress if self.growing else 1.0
        quotas = to_whole(progress * self.share * n_free[:, None] * candidates.prior)
        within = surest_per_class(candidates, quotas)
        if candidates.prior.shape[1] == 1:
            return within
        sure = within & (candidates.confidence >= at_least(self.min_confidence))
        if not self.class_balance:
            return sure
        filled = sure.sum(dim=0) / quotas.sum(dim=1).clamp(min=1)
        return sure | surest_per_class(candidates, to_whole(self.class_balance * filled[:, None] * quotas))


def to_whole(quotas: Tensor) -> Tensor:
    """Return ⌊q + ½⌋, halves upwards; what lacks no more than rounding of a half is one.

    Example:
        >>> to_whole(torch.tensor([0.5, 1.4999999, 2.5, 2.4])).tolist()
        [1.0, 2.0, 3.0, 2.0]
    """
    # PyTorch's own rounding takes halves to even numbers: half a row to none, two and a half to two.
    return torch.floor(quotas + (0.5 + 1e-4))


def surest_first(confidence: Tensor) -> Tensor:
    """Return places [n] from the surest down; what is equally sure but for rounding in the order of the rows.

    Example:
        >>> surest_first(torch.tensor([0.40624997, 0.40625003, 0.9])).tolist()
        [2, 0, 1]
    """
    groups = torch.from_numpy(tie_groups(confidence.numpy()))
    return groups.sort(descending=True, stable=True).indices


def surest_per_class(candidates: Candidates, quotas: Tensor) -> Tensor:
    """Return the surest `quotas[t, c]` free entries among those predicted as class c, bool [N, T].

    Those equally sure but for rounding are taken in the order of the rows.
    """
    taken = torch.zeros_like(candidates.free)
    for t in range(quotas.shape[0]):
        for c in range(quotas.shape[1]):
            rows = torch.nonzero(candidates.free[:, t] & (candidates.classes[:, t] == c)).flatten()
            order = surest_first(candidates.confidence[rows, t])
            # order[:0] is empty: a quota of nothing takes nothing.
            taken[rows[order[: int(quotas[t, c])]], t] = True
    return taken
