"""The gradient step of a learned log-scale."""

from __future__ import annotations

from typing import Any

from cotrain.balancing._arrays import Array


def log_scale_change(xp: Any, scaled_losses_K: Array, learning_rate: float) -> Array:
    """Return the change of s by one step on exp(−s)L + s, given x = exp(−s)L.

    The gradient is 1 − x. Where a plain step would overshoot the optimum s = log L, it stops there.
    """
    change_K = learning_rate * (scaled_losses_K - 1)
    return xp.minimum(change_K, xp.log(xp.maximum(scaled_losses_K, xp.ones_like(scaled_losses_K))))
