"""The focal factor, and the constant probabilities that have the least focal loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.tasks._target_values import check_range

#: Halvings of an interval of logarithms; 100 are beyond float64's digits.
_HALVINGS = 100


def check_focal_gamma(kind: str, task: str, focal_gamma: float, label_smoothing: float) -> None:
    """Raise `InvalidArgumentError` unless γ is in [0, 10], and 0 beside label smoothing."""
    check_range(kind, task, focal_gamma=(focal_gamma, 0.0, 10.0))
    if focal_gamma and label_smoothing:
        raise InvalidArgumentError(
            f"{kind}({task!r}, focal_gamma={focal_gamma!r}, label_smoothing={label_smoothing!r}): the "
            "focal loss is defined for labels as they are; set one of the two to 0."
        )


def focal_factor(log_p: Tensor, gamma: float) -> Tensor:
    """Return (1 - p)^γ of log p, in which the gradient of the focal loss has its second part.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017, https://arxiv.org/abs/1708.02002.

    Example:
        >>> focal_factor(torch.tensor([0.25, 0.75]).log(), 2.0)
        tensor([0.5625, 0.0625])
    """
    # At p = 1 the power has no derivative below γ = 1; the loss is 0 there all the same.
    return torch.expm1(log_p).neg().clamp(min=1e-12) ** gamma


def focal_probabilities(counts: Tensor, gamma: float) -> Tensor:
    """Return the p ≥ 0, Σ p = 1, of least Σ_c n_c (1 - p_c)^γ (-log p_c); the shares where γ = 0.

    Each addend is convex in its p_c: at the minimum all n_c f'(p_c) are equal, f' being the derivative
    of (1 - p)^γ (-log p), which goes from -∞ up to 0: the common value is found by halving, and for each
    value of it the p_c are.

    Args:
        counts: n_c ≥ 0, float64 [..., C], one of them above 0.
        gamma: γ > 0.

    Example:
        >>> focal_probabilities(torch.tensor([1.0, 3.0]).double(), 2.0).round(decimals=3)
        tensor([0.3990, 0.6010], dtype=torch.float64)
    """
    numbers = counts.cpu().numpy()
    # log λ, λ = -n f'(p): beyond these bounds all p are 1, or together below 1.
    low, high = np.full_like(numbers[..., :1], -700.0), np.full_like(numbers[..., :1], 100.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_many = _inverse(numbers, middle, gamma).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(too_many, middle, low), np.where(too_many, high, middle)
    found = _inverse(numbers, (low + high) / 2, gamma)
    return torch.from_numpy(found / found.sum(axis=-1, keepdims=True)).to(counts.device)


def _inverse(counts: np.ndarray, log_slope: np.ndarray, gamma: float) -> np.ndarray:
    """Return the p at which -n f'(p) is as steep as said, [..., C]; 0 without labels."""
    some = np.where(counts > 0, counts, 1.0)
    low, high = np.zeros_like(counts), np.ones_like(counts)
    for _ in range(50):
        p = (low + high) / 2
        slope = gamma * (1 - p) ** (gamma - 1) * -np.log(p) + (1 - p) ** gamma / p
        steeper = np.log(some * slope) > log_slope
        low, high = np.where(steeper, p, low), np.where(steeper, high, p)
    return np.where(counts > 0, (low + high) / 2, 0.0)
