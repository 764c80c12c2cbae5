"""The K gradients of a step, and what follows from them: the Gramian, the Jacobian, sums.

Shapes: K tasks, P shared parameters, B rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from cotrain.keras._dense import DenseTap, DenseTerm
from cotrain.keras._forward import Forward
from cotrain.keras._replicas import n_replicas, summed
from cotrain.keras._variable_groups import VariableGroups

#: Up to so many tasks K² products of pairs cost less than a copy of all gradients into one matrix.
_FEW_TASKS = 6

Grads = list[Any]


class StepGradients(ABC):
    """The gradients of each task, in one way or another."""

    @abstractmethod
    def healthy(self) -> tf.Tensor:
        """Return [K]: whether the gradients of the tasks' own variables are finite, on all replicas."""

    @abstractmethod
    def gramian(self) -> tf.Tensor:
        """Return the K×K Gramian of the joined batch."""

    @abstractmethod
    def jacobian(self) -> tf.Tensor:
        """Return the K×P Jacobian of the joined batch."""

    @abstractmethod
    def combined(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """Return Σ wₖ ∇Lₖ on the shared variables, of this replica."""

    @abstractmethod
    def own(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """Return Σ wₖ ∇Lₖ on the other variables, of this replica."""

    @abstractmethod
    def split(self, update_P: tf.Tensor) -> list[tf.Tensor]:
        """Return an update in the shapes of the shared variables."""


class ExactStepGradients(StepGradients):
    """K backward passes.

    Args:
        forward: with a persistent tape.
        plan: the variables.
        scale: of the losses.
        summed_over_replicas: the Jacobian that `gramian` looks at is that of the joined batch.
    """

    def __init__(
        self, forward: Forward, plan: VariableGroups, scale: tf.Tensor, *, summed_over_replicas: bool = True
    ) -> None:
        self.plan = plan
        sources = plan.variables
        n_shared = len(plan.shared)
        rows = [_gradient(forward.tape, loss, sources, scale) for loss in forward.losses]
        self.local: list[Grads] = [row[:n_shared] for row in rows]
        self.others: list[Grads] = [row[n_shared:] for row in rows]
        self.rows = self._joined() if summed_over_replicas else self.local

    def healthy(self) -> tf.Tensor:
        """See `StepGradients`."""
        return _all_replicas(tf.stack([_finite(row) for row in self.others]))

    def finite(self) -> tf.Tensor:
        """Return [K]: whether all of a task's gradients on this replica are finite."""
        return tf.stack([_finite([*a, *b]) for a, b in zip(self.local, self.others, strict=True)])

    def gramian(self) -> tf.Tensor:
        """See `StepGradients`."""
        n_tasks = len(self.rows)
        total = tf.zeros((n_tasks, n_tasks), tf.float64)
        for place in range(len(self.plan.shared)):
            total += pair_products([row[place] for row in self.rows])
        return total

    def jacobian(self) -> tf.Tensor:
        """See `StepGradients`."""
        dtype = self.plan.shared[0].dtype
        flat = [[_flat(g, v, dtype) for g, v in zip(row, self.plan.shared, strict=True)] for row in self.rows]
        return tf.stack([tf.concat(row, 0) for row in flat])

    def combined(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """See `StepGradients`."""
        return weighted_sums(self.local, weights_K, self.plan.shared)

    def own(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """See `StepGradients`."""
        return weighted_sums(self.others, weights_K, self.plan.own)

    def split(self, update_P: tf.Tensor) -> list[tf.Tensor]:
        """See `StepGradients`."""
        parts, first = [], 0
        for variable in self.plan.shared:
            size = math.prod(variable.shape)
            part = tf.reshape(update_P[first : first + size], variable.shape)
            parts.append(tf.cast(part, variable.dtype))
            first += size
        return parts

    def _joined(self) -> list[Grads]:
        # What is summed is the Jacobian: the sum of the replicas' Gramians would be another matrix.
        if n_replicas() == 1:
            return self.local
        flat = [g for row in self.local for g in row if g is not None]
        whole = iter(summed(flat))
        return [[None if g is None else next(whole) for g in row] for row in self.local]


class GhostStepGradients(StepGradients):
    """K backward passes to the outputs of Dense layers only; no gradient of their weights per task.

    Exact. The weighted gradient of a kernel is one product, aᵀ Σ wₖzₖ.

    Args:
        forward: with a persistent tape and the tapped layers' inputs and outputs.
        plan: the variables.
        scale: of the losses.
        taps: the tapped layers.
        before: brings gradients from behind an activation to before it.
    """

    def __init__(
        self,
        forward: Forward,
        plan: VariableGroups,
        scale: tf.Tensor,
        taps: Sequence[DenseTap],
        before: Callable[..., tf.Tensor],
    ) -> None:
        self.plan = plan
        inside = {id(v) for tap in taps for v in tap.layer.trainable_variables}
        self._rest = [v for v in plan.shared if id(v) not in inside]
        sources = [*forward.taps_outputs, *self._rest, *plan.own]
        rows = [_gradient(forward.tape, loss, sources, scale) for loss in forward.losses]
        n_taps, n_rest = len(taps), len(self._rest)
        self._direct: list[Grads] = [row[n_taps : n_taps + n_rest] for row in rows]
        self.others: list[Grads] = [row[n_taps + n_rest :] for row in rows]
        self._taps = list(taps)
        self._terms = [
            DenseTerm(a, before(tap, y, [row[i] for row in rows]), tap.layer.use_bias)
            for i, (tap, a, y) in enumerate(zip(taps, forward.taps_inputs, forward.taps_outputs, strict=True))
        ]

    def healthy(self) -> tf.Tensor:
        """See `StepGradients`."""
        return tf.stack([_finite(row) for row in self.others])

    def gramian(self) -> tf.Tensor:
        """See `StepGradients`."""
        total = tf.add_n([tf.cast(term.gramian(), tf.float64) for term in self._terms])
        for place in range(len(self._rest)):
            total += pair_products([row[place] for row in self._direct])
        return total

    def jacobian(self) -> tf.Tensor:
        """Refuse: the gradients of the weights are what is saved here."""
        raise NotImplementedError("GhostRows forms no Jacobian.")

    def combined(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """See `StepGradients`."""
        grads = {
            id(v): g
            for v, g in zip(self._rest, weighted_sums(self._direct, weights_K, self._rest), strict=True)
        }
        for tap, term in zip(self._taps, self._terms, strict=True):
            for variable, grad in zip(tap.layer.trainable_variables, term.combined(weights_K), strict=True):
                grads[id(variable)] = grad
        return [grads[id(v)] for v in self.plan.shared]

    def own(self, weights_K: tf.Tensor) -> list[tf.Tensor]:
        """See `StepGradients`."""
        return weighted_sums(self.others, weights_K, self.plan.own)

    def split(self, update_P: tf.Tensor) -> list[tf.Tensor]:
        """Refuse, as `jacobian`."""
        raise NotImplementedError("GhostRows forms no Jacobian.")


def pair_products(row: Sequence[Any]) -> tf.Tensor:
    """Return the K×K inner products of K gradients of one variable, some of them `None`, in float64."""
    n_tasks = len(row)
    there = [k for k in range(n_tasks) if row[k] is not None]
    if len(there) > _FEW_TASKS:
        zero = tf.zeros_like(tf.convert_to_tensor(row[there[0]]))
        flat_KP = tf.stack([tf.reshape(zero if g is None else g, (-1,)) for g in row])
        return tf.cast(tf.matmul(flat_KP, flat_KP, transpose_b=True), tf.float64)
    flat = {k: tf.reshape(row[k], (1, -1)) for k in there}
    nothing = tf.zeros((), tf.float64)
    cells = {
        (i, j): tf.cast(tf.matmul(flat[i], flat[j], transpose_b=True)[0, 0], tf.float64)
        for i in there
        for j in there
        if i <= j
    }
    return tf.stack(
        [
            tf.stack([cells.get((min(i, j), max(i, j)), nothing) for j in range(n_tasks)])
            for i in range(n_tasks)
        ]
    )


def weighted_sums(rows: Sequence[Grads], weights_K: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
    """Return Σ wₖ gₖ per variable; a task of weight 0 adds nothing, whatever is in its gradient."""
    sums = []
    for place, variable in enumerate(variables):
        parts = [
            tf.math.multiply_no_nan(row[place], tf.cast(weights_K[k], row[place].dtype))
            for k, row in enumerate(rows)
            if row[place] is not None
        ]
        sums.append(tf.add_n(parts) if parts else tf.zeros(variable.shape, variable.dtype))
    return sums


def _gradient(tape: tf.GradientTape, loss: Any, sources: Sequence[Any], scale: tf.Tensor) -> Grads:
    if loss is None:
        return [None] * len(sources)
    grads = tape.gradient(loss, list(sources), output_gradients=tf.cast(scale, loss.dtype))
    return [None if grad is None else tf.convert_to_tensor(grad) for grad in grads]


def _finite(grads: Sequence[Any]) -> tf.Tensor:
    """Return whether all entries are finite: one sum per gradient tells."""
    sums = [tf.reduce_sum(tf.cast(grad, tf.float32)) for grad in grads if grad is not None]
    return tf.math.is_finite(tf.add_n(sums)) if sums else tf.constant(True)


def _all_replicas(flags_K: tf.Tensor) -> tf.Tensor:
    if n_replicas() == 1:
        return flags_K
    return summed([tf.cast(~flags_K, tf.float32)])[0] == 0


def _flat(grad: Any, variable: Any, dtype: str) -> tf.Tensor:
    return tf.reshape(tf.zeros(variable.shape, dtype) if grad is None else tf.cast(grad, dtype), (-1,))
