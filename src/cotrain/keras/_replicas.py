"""Sums over the replicas of a `tf.distribute` strategy, and calls that happen once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def n_replicas() -> int:
    """Return how many replicas train together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def summed(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return each tensor summed over the replicas."""
    if n_replicas() == 1 or not tensors:
        return list(tensors)
    context = tf.distribute.get_replica_context()
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, list(tensors)))


def on_host(function: Callable[..., Any], inputs: Sequence[tf.Tensor], dtypes: Any) -> Any:
    """Call a NumPy function once a step, whatever the number of replicas.

    The inputs must be the same on all of them; all get what the first one's gave.
    """
    if n_replicas() == 1:
        return tf.numpy_function(function, list(inputs), dtypes)

    def once(strategy: tf.distribute.Strategy, *values: Any) -> Any:
        first = [strategy.experimental_local_results(value)[0] for value in values]
        return tf.numpy_function(function, first, dtypes)

    return tf.distribute.get_replica_context().merge_call(once, args=tuple(inputs))


def assign_where(variable: Any, value: tf.Tensor, moved: tf.Tensor) -> None:
    """Put back `value` into a Keras variable unless it was to be moved."""
    variable = variable.value
    if n_replicas() == 1:
        variable.assign(tf.where(moved, variable, value))
        return

    def once(strategy: tf.distribute.Strategy, value: Any, moved: Any) -> None:
        strategy.extended.update(
            variable, lambda v, old, keep: v.assign(tf.where(keep, v, old)), args=(value, moved), group=False
        )

    tf.distribute.get_replica_context().merge_call(once, args=(value, moved))
