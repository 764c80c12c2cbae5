"""The loss of yes-or-no targets, and the constant logit that has the least of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cotrain.tasks._focal import focal_factor, focal_probabilities


def label_losses(output: Tensor, target: Tensor, smoothing: float, *, focal_gamma: float = 0.0) -> Tensor:
    """Return -[y log σ(z) + (1 - y) log σ(-z)] of every entry, y smoothed to (1 - ε) y + ε / 2.

    With γ > 0 that is multiplied by (1 - p)^γ, p being the probability of the true value.

    Args:
        output: z, [B, T].
        target: y, 0 or 1, [B, T].
        smoothing: ε.
        focal_gamma: γ.

    Example:
        >>> label_losses(torch.zeros(1, 1), torch.ones(1, 1), 0.0, focal_gamma=1.0)
        tensor([[0.3466]])
    """
    target = target.to(output.dtype)
    if focal_gamma:
        log_p = functional.logsigmoid(output * (2 * target - 1))
        return -log_p * focal_factor(log_p, focal_gamma)
    smooth = target * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(output, smooth, reduction="none")


def best_logits(
    targets: Tensor, mask: Tensor, weights: Tensor, smoothing: float, *, focal_gamma: float = 0.0
) -> Tensor:
    """Return the constant logits [T] with the least weighted, smoothed cross-entropy.

    A column with one value only would have an infinite logit: it is kept within ±15. A column without
    labels has 0.

    Args:
        targets: [B, T] in {0, 1}.
        mask: [B, T], bool or weights.
        weights: [T, 2], factors on the rows with 0 and with 1.
        smoothing: ε.
        focal_gamma: γ of the focal loss, see `label_losses`.

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
    if focal_gamma:
        counts = torch.stack([n_negative, n_positive], dim=1)
        known = torch.where(total[:, None] > 0, counts, torch.ones_like(counts))
        share = focal_probabilities(known, focal_gamma)[:, 1]
    logits = torch.logit(share.clamp(3e-7, 1 - 3e-7))
    return torch.where(total > 0, logits, torch.zeros_like(logits)).float()
