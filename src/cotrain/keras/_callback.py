"""What the balancer hears at the end of an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from cotrain.balancing import Balancer


class EpochReporter(keras.callbacks.Callback):
    """Tells the balancer that an epoch has ended, and its validation losses where there are any.

    Args:
        balancer: the method.
        tasks: K names.
    """

    def __init__(self, balancer: Balancer, tasks: Sequence[str]) -> None:
        super().__init__()
        self._balancer = balancer
        self._tasks = tuple(tasks)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Pass on what the logs say."""
        names = [f"val_{task}_loss" for task in self._tasks]
        logs = logs or {}
        if self._balancer.observes_validation and any(name in logs for name in names):
            losses = np.array([float(logs.get(name, np.nan)) for name in names])
            self._balancer.observe_validation(losses)
        self._balancer.end_epoch()
