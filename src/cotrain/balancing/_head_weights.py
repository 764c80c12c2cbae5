"""What a task's own parameters count where weights are for the shared ones only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def head_weights(preference: Sequence[float] | None, active_K: np.ndarray) -> np.ndarray:
    """Return the preference with mean 1 over the active tasks, 0 elsewhere.

    Args:
        preference: K positive numbers, or `None` for equal ones.
        active_K: K booleans.

    Returns:
        K weights in float64.

    Example:
        >>> head_weights([1.0, 3.0, 5.0], np.array([True, True, False])).tolist()
        [0.5, 1.5, 0.0]
    """
    if preference is None:
        return active_K.astype(np.float64)
    weights_K = np.where(active_K, preference, 0.0)
    total = weights_K.sum()
    return weights_K * (active_K.sum() / total) if total > 0 else weights_K
