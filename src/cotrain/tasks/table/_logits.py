"""The best constant logit of yes-or-no targets."""

from __future__ import annotations

import torch
from torch import Tensor


def best_logits(targets: Tensor, mask: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Return the constant logits [T] with the least weighted, smoothed cross-entropy.

    A column with one value only would have an infinite logit: it is kept within ±15. A column without
    labels has 0.

    Args:
        targets: [B, T] in {0, 1}.
        mask: [B, T], bool or weights.
        weights: [T, 2], factors on the rows with 0 and with 1.
        smoothing: ε.

    Example:
        >>> targets = torch.tensor([[1.0], [1.0], [1.0], [0.0]])
        >>> best_logits(targets, torch.ones(4, 1), torch.ones(1, 2), 0.0).exp()
        tensor([3.])
    """
    shares = mask.double()
    weights = weights.to(targets.device, torch.float64)
    n_negative = (shares * (1 - targets)).sum(0) * weights[:, 0]
    n_positive = (shares * targets).sum(0) * weights[:, 1]
    total = n_positive + n_negative
    share = (n_positive * (1 - smoothing / 2) + n_negative * smoothing / 2) / total.clamp(min=1e-300)
    logits = torch.logit(share.clamp(3e-7, 1 - 3e-7))
    return torch.where(total > 0, logits, torch.zeros_like(logits)).float()
