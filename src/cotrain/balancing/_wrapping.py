"""What methods around other methods share."""

from __future__ import annotations

from typing import Any

import numpy as np

from cotrain.balancing._arrays import Array, detached, to_float64


def taking_part(
    xp: Any, weights_K: Array, losses: Array, gramian: Array | None, active: Array | None
) -> Array:
    """Return which tasks a method looked at, beside its weights: a weight of 0 alone does not tell."""
    if isinstance(weights_K, np.ndarray):
        losses_K = to_float64(losses)
        part_K = np.isfinite(losses_K)
        if gramian is not None:
            values = to_float64(gramian)
            part_K &= np.isfinite(np.diagonal(values) if values.ndim == 2 else values)
        return part_K if active is None else part_K & to_float64(active).astype(bool)
    part_K = xp.isfinite(detached(losses))
    if active is not None:
        part_K = part_K & xp.asarray(active, dtype=xp.bool, device=weights_K.device)
    return part_K
