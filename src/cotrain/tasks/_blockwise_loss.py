"""The loss of a constant over so many rows that they do not fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Most outputs that losses are taken of together where the rows are all those there are: 16 MB of float32.
LOSSES_AT_A_TIME = 2**22


def blockwise_loss(
    loss_sum: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    everywhere: Callable[[Tensor], Tensor],
    labels: tuple[Tensor, Tensor],
    size: int,
) -> float:
    """Return the mean loss over the labelled entries, added up some rows at a time; 0 without any.

    Args:
        loss_sum: (output, target, mask) of some rows -> sum of the losses, and of the weights.
        everywhere: target of some rows -> the output for these.
        labels: target and mask, N rows each.
        size: rows at a time, ≥ 1.

    Example:
        >>> y = torch.tensor([[1.0], [3.0], [5.0]])
        >>> squares = lambda output, target, mask: (((output - target) ** 2).sum(), mask.sum())
        >>> blockwise_loss(squares, torch.zeros_like, (y, torch.ones(3, 1)), size=2)
        11.666666666666666
    """
    target, mask = labels
    if len(target) <= size:
        kept, total = loss_sum(everywhere(target), target, mask)
        return float(kept / torch.where(total > 0, total, 1.0))
    sums = torch.zeros(2, dtype=torch.float64, device=target.device)
    for start in range(0, len(target), size):
        rows = target[start : start + size]
        # Summed in place: small leftovers between large blocks would keep these from being used again.
        sums += torch.stack(loss_sum(everywhere(rows), rows, mask[start : start + size]))
    return float(sums[0] / sums[1]) if sums[1] > 0 else 0.0
