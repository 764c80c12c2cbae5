"""Places within classes."""

from __future__ import annotations

import torch
from torch import Tensor

from cotrain._base import tie_groups
from cotrain.cotraining.selection._base import Candidates


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
