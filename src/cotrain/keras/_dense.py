"""Dense layers, whose part of the Gramian follows from their inputs and the gradients at their outputs.

Shapes: K tasks, B rows, I inputs, O outputs of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


def _one(y: tf.Tensor) -> tf.Tensor:
    return tf.ones_like(y)


#: Derivatives that follow from the value y itself.
_DERIVATIVES: dict[Any, Callable[[tf.Tensor], tf.Tensor]] = {
    keras.activations.linear: _one,
    keras.activations.relu: lambda y: tf.cast(y > 0, y.dtype),
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.sigmoid: lambda y: y * (1 - y),
}

#: Above so many rows the gradients of the weights cost less than B×B products (measured, see benchmarks).
_ROWS_PER_WIDTH = 0.2


@dataclass(frozen=True)
class DenseTap:
    """A Dense layer of a functional model that is called once.

    Args:
        layer: the layer.
        input: its symbolic input [B, I].
        output: its symbolic output [B, O].
    """

    layer: keras.layers.Dense
    input: Any
    output: Any


@dataclass(frozen=True)
class DenseTerm:
    """What a Dense layer contributes to the Gramian.

    Args:
        a: [B, I], its input.
        z: [K, B, O], the tasks' gradients at its output before the activation.
        bias: whether it has one.
    """

    a: tf.Tensor
    z: tf.Tensor
    bias: bool

    def gramian(self) -> tf.Tensor:
        """Return Σ over rows b, c of (aᵦ·a_c + 1) (z_kb · z_lc), K×K."""
        n_tasks = tf.shape(self.z)[0]
        inner_BB = tf.matmul(self.a, self.a, transpose_b=True)
        if self.bias:
            inner_BB += 1
        spread = tf.reshape(tf.matmul(inner_BB[None], self.z), (n_tasks, -1))
        return tf.matmul(spread, tf.reshape(self.z, (n_tasks, -1)), transpose_b=True)

    def combined(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """Return the gradients of kernel (and bias) of Σ wₖLₖ."""
        # A task of weight 0 may have gradients that are not finite.
        z = tf.add_n([tf.math.multiply_no_nan(row, w) for row, w in _rows(self.z, weights_K)])
        kernel = tf.matmul(self.a, z, transpose_a=True)
        return [kernel, tf.reduce_sum(z, 0)] if self.bias else [kernel]


def dense_taps(model: keras.Model) -> list[DenseTap]:
    """Return the Dense layers of a functional model whose Gramian can be had cheaply."""
    taps = []
    for layer in model.layers:
        if type(layer) is not keras.layers.Dense or layer.activation not in _DERIVATIVES:
            continue
        if len(layer._inbound_nodes) != 1 or layer.quantization_mode is not None:
            continue
        if layer.compute_dtype != layer.variable_dtype or len(layer.output.shape) != 2:
            continue
        parts = [layer.kernel] + ([layer.bias] if layer.use_bias else [])
        if [id(v) for v in layer.trainable_variables] == [id(v) for v in parts]:
            taps.append(DenseTap(layer, layer.input, layer.output))
    return taps


def row_limit(taps: Sequence[DenseTap]) -> int:
    """Return up to how many rows the B×B products are cheaper than the gradients of the weights."""
    sizes = [(tap.input.shape[-1], tap.output.shape[-1]) for tap in taps]
    if not sizes:
        return 0
    weights = sum(i * o for i, o in sizes)
    return int(_ROWS_PER_WIDTH * weights / sum(max(i, o) for i, o in sizes))


def at_preactivation(tap: DenseTap, output: tf.Tensor, grads_K: Sequence[tf.Tensor | None]) -> tf.Tensor:
    """Return the tasks' gradients before the activation, [K, B, O], from those after it."""
    slope = _DERIVATIVES[tap.layer.activation](output)
    return tf.stack([tf.zeros_like(output) if grad is None else grad * slope for grad in grads_K])


def _rows(z: tf.Tensor, weights_K: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    n_tasks = z.shape[0]
    weights_K = tf.cast(weights_K, z.dtype)
    return list(zip(tf.unstack(z, n_tasks), tf.unstack(weights_K, n_tasks), strict=True))
