"""Places within classes."""

from __future__ import annotations

import torch
from torch import Tensor

from cotrain.cotraining.selection._base import Candidates


def surest_per_class(candidates: Candidates, quotas: Tensor) -> Tensor:
    """Return the surest `quotas[t, c]` free entries among those predicted as class c, bool [N, T].

    Equally sure ones are taken in the order of the rows.
    """
    taken = torch.zeros_like(candidates.free)
    for t in range(quotas.shape[0]):
        for c in range(quotas.shape[1]):
            rows = torch.nonzero(candidates.free[:, t] & (candidates.classes[:, t] == c)).flatten()
            order = candidates.confidence[rows, t].sort(descending=True, stable=True).indices
            # order[:0] is empty: a quota of nothing takes nothing.
            taken[rows[order[: int(quotas[t, c])]], t] = True
    return taken
