"""Places as the means of maps: from a map of logits to a place between its cells, and the loss of one.

Source: Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018,
https://arxiv.org/abs/1801.07372.

Shapes: B pictures, P points, H×W cells. Places are (x, y) in parts of the picture, so that they stay right
however it is resized.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

#: Standard deviation in cells of the map that a place asks for, and what its shape counts: as in the source.
SPREAD, SHAPE_WEIGHT = 1.0, 1.0


def cell_centres(shape: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return x [W] and y [H] of the middles of the cells."""
    height, width = shape
    across = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
    return across, (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height


def mean_places(logits: Tensor) -> Tensor:
    """Return the means of softmax maps, [B, P, 2].

    Args:
        logits: [B, P, H, W].

    Example:
        >>> logits = torch.full((1, 1, 2, 4), -30.0)
        >>> logits[0, 0, 1, 2] = logits[0, 0, 1, 3] = 0.0
        >>> mean_places(logits).tolist()
        [[[0.75, 0.75]]]
    """
    across, down = cell_centres(logits.shape[2:], logits)
    p = logits.flatten(2).softmax(dim=-1).view_as(logits)
    return torch.stack([p.sum(dim=2) @ across, p.sum(dim=3) @ down], dim=-1)


def log_normal_maps(places: Tensor, spread: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the logarithms of normal distributions on cells, [B, P, H, W], each of sum 1.

    Args:
        places: their means, [B, P, 2].
        spread: their deviations across and down in parts of the picture, of a shape that expands to theirs.
        shape: H and W.
    """
    across, down = cell_centres(shape, places)
    x = ((across - places[..., :1]) / spread[..., :1]).square()
    y = ((down - places[..., 1:]) / spread[..., 1:]).square()
    logs = -0.5 * (y[..., :, None] + x[..., None, :])
    return logs.flatten(2).log_softmax(dim=-1).view_as(logs)


def place_losses(logits: Tensor, places: Tensor) -> Tensor:
    """Return the loss of every point, [B, P].

        ‖μ - y‖ + SHAPE_WEIGHT · JS(p, N(y, SPREAD²)),   p = softmax(z),   μ its mean

    Places are in [-1, 1] here, JS is the Jensen-Shannon divergence in nats.

    Args:
        logits: z, [B, P, H, W].
        places: y, [B, P, 2].

    Example:
        >>> at = torch.tensor([[[0.3, 0.7]]])
        >>> right = log_normal_maps(at, torch.full((1, 1, 2), 0.2), (5, 5))
        >>> (place_losses(right, at) < place_losses(torch.zeros(1, 1, 5, 5), at)).item()
        True
    """
    height, width = logits.shape[2:]
    spread = SPREAD / places.new_tensor([width, height])
    log_q = log_normal_maps(places.to(logits.dtype), spread.to(logits.dtype), (height, width)).flatten(2)
    log_p = logits.flatten(2).log_softmax(dim=-1)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    shape = (log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)).sum(dim=-1) / 2
    away = 2 * torch.linalg.vector_norm(mean_places(logits) - places, dim=-1)
    return away + SHAPE_WEIGHT * shape


def map_certainty(logits: Tensor) -> Tensor:
    """Return the largest share of a map that 3×3 cells hold, [B, P] in [0, 1].

    Example:
        >>> round(map_certainty(torch.zeros(1, 1, 4, 6)).item(), 4)
        0.375
    """
    p = logits.flatten(2).softmax(dim=-1).view_as(logits)
    return (9 * functional.avg_pool2d(p, 3, stride=1, padding=1)).flatten(2).amax(dim=-1).clamp(max=1.0)
