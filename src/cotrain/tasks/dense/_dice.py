"""The share of a class's pixels that are found, as a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def dice_losses(shares: Tensor, classes: Tensor) -> Tensor:
    """Return 1 - mean over the classes of a picture of (2 Σ p t + 1) / (Σ (p + t) + 1), [B].

    A picture without a labelled pixel costs nothing.

    Args:
        shares: p, probabilities [B, C, H, W].
        classes: int64 [B, H, W]; C and more: the pixel has no label, and counts in no sum.

    Example:
        >>> classes = torch.tensor([[[0, 1], [1, 2]]])
        >>> right = torch.nn.functional.one_hot(classes, 3)[..., :2].movedim(-1, 1).float()
        >>> dice_losses(right, classes).item(), round(dice_losses(1 - right, classes).item(), 3)
        (0.0, 0.75)
    """
    n_classes = shares.shape[1]
    known = classes < n_classes
    shares = shares * known[:, None]
    of_pixel = classes.clamp(max=n_classes - 1)
    there, found = shares.new_zeros(2, len(shares), n_classes)
    there = there.scatter_add(1, of_pixel.flatten(1), known.flatten(1).to(shares.dtype))
    right = shares.gather(1, of_pixel[:, None]).flatten(1)
    found = (2 * found.scatter_add(1, of_pixel.flatten(1), right) + 1) / (shares.sum((2, 3)) + there + 1)
    present = there > 0
    return torch.where(present, 1 - found, 0.0).sum(dim=1) / present.sum(dim=1).clamp(min=1)
