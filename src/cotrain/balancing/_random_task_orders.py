"""Random orders in which each task visits the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def random_orders(n_tasks: int, generator: Callable[[], np.random.Generator]) -> np.ndarray:
    """Return K rows; row i holds the other K − 1 tasks in an order of its own.

    Args:
        n_tasks: K.
        generator: makes the generator; not asked where there is only one order.

    Example:
        >>> random_orders(2, np.random.default_rng).tolist()
        [[1], [0]]
    """
    if n_tasks <= 2:
        return np.arange(n_tasks)[::-1].reshape(n_tasks, -1)[:, : n_tasks - 1]
    keys_KK = generator().random((n_tasks, n_tasks))
    keys_KK.flat[:: n_tasks + 1] = 2.0  # a task is no neighbour of itself: it sorts last and is cut off
    return keys_KK.argsort(axis=1)[:, :-1]
