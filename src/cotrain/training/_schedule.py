"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math


def warm_cosine(step: int, n_steps: int, warmup: float) -> float:
    """Return the factor on the peak learning rate at `step`: a linear rise, then half a cosine to 0.

    Args:
        step: steps taken so far, in [0, n_steps).
        n_steps: steps of the whole fit, ≥ 1.
        warmup: share of the steps spent rising, in [0, 1).

    Source: Loshchilov & Hutter, "SGDR", 2017, https://arxiv.org/abs/1608.03983 (one period).

    Example:
        >>> [round(warm_cosine(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
        [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = round(warmup * n_steps)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(1, n_steps - rising)
    return 0.5 * (1 + math.cos(math.pi * progress))
