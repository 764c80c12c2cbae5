"""The median and other quantiles of values that count for different amounts."""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """Return the least value of each column up to which half of the weights lie, [C].

    With equal weights that is the lower median, as PyTorch has it.

    Args:
        values: [N, C], N ≥ 1.
        weights: [N], bool or numbers > 0.

    Example:
        >>> weighted_median(torch.tensor([[1.0], [5.0], [2.0]]), torch.tensor([1.0, 5.0, 1.0]))
        tensor([5.])
    """
    if weights.dtype == torch.bool:
        return values.median(dim=0).values
    ordered, order = values.sort(dim=0)
    below = weights.double()[order].cumsum(dim=0) < weights.double().sum() / 2
    return ordered.gather(0, below.sum(dim=0, keepdim=True).clamp(max=len(values) - 1))[0]


def weighted_quantile(values: Tensor, weights: Tensor, level: float) -> Tensor:
    """Return the least value up to which a share `level` of the weights lies, a scalar.

    It has the least mean pinball loss of this level.

    Args:
        values: [N], N ≥ 1.
        weights: [N], ≥ 0.
        level: in (0, 1).

    Example:
        >>> weighted_quantile(torch.arange(10.0), torch.ones(10), 0.9)
        tensor(8.)
    """
    ordered, order = values.sort()
    upto = weights.double()[order].cumsum(0)
    # Shares such as .1 are no sums of tenths to the last digit.
    below = upto < level * upto[-1] * (1 - 1e-12)
    return ordered[below.sum().clamp(max=len(values) - 1)]
