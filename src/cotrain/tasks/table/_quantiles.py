"""Quantiles of a number: their loss, their best constants, and how they are called."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, expected_number
from cotrain.tasks._weighted_median import weighted_quantile

#: The level of the median, which is what a prediction says where it says one number.
MEDIAN = 0.5
#: A percentage has so many digits in a column's name.
_DIGITS = 6


def levels_of(task: str, quantiles: Sequence[float]) -> list[float]:
    """Return the levels that are learned, in order: those that are asked for, and ½.

    Raises:
        InvalidArgumentError: there is none, one is no number in (0, 1), or two are one.

    Example:
        >>> levels_of("price", [0.9, 0.1])
        [0.1, 0.5, 0.9]
    """
    where = f"Regression({task!r}, quantiles={quantiles!r})"
    if isinstance(quantiles, str) or not isinstance(quantiles, Sequence) or not len(quantiles):
        raise InvalidArgumentError(f"{where}: expected a list of levels in (0, 1), such as [0.1, 0.5, 0.9].")
    for level in quantiles:
        is_number = isinstance(level, int | float)
        if not is_number or expected_number(level, 0.0, 1.0, open_low=True, open_high=True):
            raise InvalidArgumentError(f"{where}: {level!r} is no level in (0, 1), such as 0.1.")
    if len({quantile_column("", level) for level in quantiles}) < len(quantiles):
        raise InvalidArgumentError(f"{where}: two levels are the same; name each once.")
    return sorted({MEDIAN, *map(float, quantiles)})


def quantile_column(label: str, level: float) -> str:
    """Return the name of the column with a quantile.

    Example:
        >>> quantile_column("price", 0.1), quantile_column("price", 0.025)
        ('price_q10', 'price_q2.5')
    """
    return f"{label}_q{round(100 * level, _DIGITS):g}"


def pinball_losses(quantiles: Tensor, target: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the mean over the levels τ of max(τ u, (τ - 1) u), u = y - q_τ, [B, T].

    Its expectation is least where q_τ is the quantile of level τ.

    Source: Koenker and Bassett, "Regression Quantiles", 1978, https://doi.org/10.2307/1913643.

    Args:
        quantiles: q, [B, T, Q].
        target: y, [B, T].
        levels: Q levels τ.

    Example:
        >>> pinball_losses(torch.tensor([[[0.0]]]), torch.tensor([[2.0]]), [0.9])
        tensor([[1.8000]])
    """
    error = target[..., None] - quantiles
    tau = error.new_tensor(levels)
    return torch.maximum(tau * error, (tau - 1) * error).mean(dim=-1)


def scores_of_quantiles(quantiles: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the quantiles [B, T, Q] in order, so that none cross, each beside its level, [B, T, Q, 2].

    Example:
        >>> scores_of_quantiles(torch.tensor([[[3.0, 2.0]]]), [0.1, 0.5]).tolist()
        [[[[2.0, 0.10000000149011612], [3.0, 0.5]]]]
    """
    ordered = quantiles.sort(dim=-1).values
    return torch.stack([ordered, ordered.new_tensor(levels).expand_as(ordered)], dim=-1)


def best_quantiles(values: Tensor, weights: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the constants of least pinball loss, [Q], of values [N] with weights [N]; zeros without any."""
    if not len(values):
        return values.new_zeros(len(levels))
    return torch.stack([weighted_quantile(values, weights, level) for level in levels])
