"""What a forward pass leaves for the gradients of a step: losses joined over the replicas, and its tape.

Shapes: K tasks, B rows of this replica.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from cotrain.keras._replicas import summed


@dataclass(frozen=True)
class Forward:
    """What a forward pass left.

    Args:
        tape: persistent.
        losses: this replica's share of each task's loss, whose sum over the replicas is the loss; `None`
            where the batch has no labels of the task at all.
        losses_K: the K losses of the joined batch, 0 where absent.
        present_K: whether there is a label of each task anywhere.
        regulariser: a scalar at weight 1, or `None`.
        taps_inputs: of the Dense layers that were tapped, [B, I] each.
        taps_outputs: of these layers, [B, O] each.
    """

    tape: tf.GradientTape
    losses: tuple[tf.Tensor | None, ...]
    losses_K: tf.Tensor
    present_K: tf.Tensor
    regulariser: tf.Tensor | None
    taps_inputs: tuple[tf.Tensor, ...]
    taps_outputs: tuple[tf.Tensor, ...]


def filled(grads: Sequence[Any], variables: Sequence[Any]) -> list[tf.Tensor]:
    """Return dense gradients, 0 where there is none."""
    return [
        tf.zeros(v.shape, v.dtype) if g is None else tf.convert_to_tensor(g)
        for g, v in zip(grads, variables, strict=True)
    ]


def joined(
    sums: Mapping[int, Any], n_tasks: int, weights: Sequence[float]
) -> tuple[Any, tf.Tensor, tf.Tensor]:
    """Return this replica's shares of the losses, the K losses of the joined batch, and who is present."""
    zero = tf.zeros((), tf.float32)
    totals = [
        tf.cast(sums[k].total, tf.float64) if k in sums else tf.cast(zero, tf.float64) for k in range(n_tasks)
    ]
    counts = [
        tf.cast(sums[k].count, tf.float64) if k in sums else tf.cast(zero, tf.float64) for k in range(n_tasks)
    ]
    total_K, count_K = summed([tf.stack(totals), tf.stack(counts)])
    divisor_K = tf.where(count_K > 0, count_K, tf.ones_like(count_K))
    shares = []
    for k in range(n_tasks):
        if k not in sums:
            shares.append(None)
            continue
        total = sums[k].total
        shares.append(total * weights[k] / tf.cast(tf.stop_gradient(divisor_K[k]), total.dtype))
    losses_K = total_K / divisor_K * tf.constant(list(weights), tf.float64)
    return tuple(shares), tf.stop_gradient(losses_K), count_K > 0
