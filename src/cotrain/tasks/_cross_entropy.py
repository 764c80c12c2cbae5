"""The loss of a class, and the constant that has the least of it."""

from __future__ import annotations

import torch
from torch import Tensor

from cotrain.tasks._focal import focal_factor, focal_probabilities


def class_losses(
    output: Tensor, target: Tensor, smoothing: float, weights: Tensor | None, *, focal_gamma: float = 0.0
) -> Tensor:
    """Return -w_y Σ_c q_c log softmax(z)_c of every entry, q = (1 - ε) [c = y] + ε / C.

    With γ > 0 that is multiplied by (1 - p_y)^γ, p being the softmax.

    A class of number C or more was never seen: it costs as much as the least probable one, and sends no
    gradient.

    Args:
        output: z, [..., C].
        target: y, int64 [...].
        smoothing: ε.
        weights: w, [C]; `None`: all 1.
        focal_gamma: γ.

    Example:
        >>> class_losses(torch.zeros(2, 4), torch.tensor([1, 4]), 0.0, None)
        tensor([1.3863, 1.3863])
    """
    n_classes = output.shape[-1]
    log_p = torch.log_softmax(output, dim=-1)
    classes = target.clamp(max=n_classes - 1)
    of_class = log_p.gather(-1, classes[..., None])[..., 0]
    if smoothing:
        of_class = (1 - smoothing) * of_class + smoothing * log_p.mean(dim=-1)
    if weights is not None:
        of_class = of_class * weights[classes]
    least = log_p.detach().amin(dim=-1)
    if focal_gamma:
        of_class = of_class * focal_factor(log_p.gather(-1, classes[..., None])[..., 0], focal_gamma)
        least = least * focal_factor(least, focal_gamma)
    return -torch.where(target < n_classes, of_class, least)


def class_logits(
    targets: Tensor,
    mask: Tensor,
    n_classes: int,
    smoothing: float,
    *,
    weights: Tensor | None,
    focal_gamma: float = 0.0,
) -> Tensor:
    """Return the constant output [C] with the least loss: the logarithms of the shares; zeros without labels.

    Args:
        targets: int64 [M].
        mask: [M], bool or weights.
        n_classes: C.
        smoothing: ε.
        weights: float64 [C]; `None`: all 1.
        focal_gamma: γ of the focal loss.

    Example:
        >>> class_logits(torch.tensor([0, 1, 1, 1]), torch.ones(4), 2, 0.0, weights=None).exp()
        tensor([0.2500, 0.7500])
    """
    of_entry = mask.double() * (targets < n_classes)
    counts = torch.zeros(n_classes, dtype=torch.float64, device=targets.device)
    counts = counts.index_add(0, targets.clamp(max=n_classes - 1), of_entry)
    if weights is not None:
        counts = counts * weights
    total = counts.sum()
    shares = counts / total.clamp(min=1e-300)
    if focal_gamma and total > 0:
        shares = focal_probabilities(shares, focal_gamma)
    shares = (1 - smoothing) * shares + smoothing / n_classes
    logits = shares.clamp(min=3e-7).log()
    return torch.where(total > 0, logits, torch.zeros_like(logits)).float()
