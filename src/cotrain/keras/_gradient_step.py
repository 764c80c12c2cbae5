"""One training step: losses, the gradients that the method asks for, weights, the update.

Shapes: K tasks, P shared parameters. Gradients are lists in the order of the plan's variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from cotrain.balancing import Needs
from cotrain.keras._dense import DenseTap, at_preactivation, row_limit
from cotrain.keras._forward import Forward, filled
from cotrain.keras._freeze_absent import AbsentTaskFreezer
from cotrain.keras._gradient_sources import ExactStepGradients, GhostStepGradients, StepGradients
from cotrain.keras._numpy_bridge import BalancerBridge
from cotrain.keras._replicas import n_replicas, on_host
from cotrain.keras._variable_groups import VariableGroups


@dataclass(frozen=True)
class StepResult:
    """Gradients in the order of the plan's variables, and which tasks took part [K]."""

    grads: list[tf.Tensor]
    active_K: tf.Tensor


class GradientStep:
    """The gradients of one step.

    Args:
        host: the balancer.
        plan: the variables.
        optimizer: built.
        taps: Dense layers whose Gramian needs no gradient of their weights.
        source: "auto", "exact" or "ghost".
    """

    def __init__(
        self,
        host: BalancerBridge,
        plan: VariableGroups,
        optimizer: keras.optimizers.Optimizer,
        taps: Sequence[DenseTap],
        source: str,
    ) -> None:
        self.host = host
        self.plan = plan
        self.optimizer = optimizer
        self.taps = list(taps)
        self.source = source
        self.scaling = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        host.nothing_shared = not plan.shared

    def gradients(self, forward: Forward) -> StepResult:
        """Return the balanced gradients of a step, not yet summed over the replicas."""
        host = self.host
        if host.nothing_shared or (host.fixed and host.weighs_losses):
            return self._one_pass(forward)
        if host.fixed or n_replicas() > 1:  # sums over replicas cannot stand in a branch of a graph
            return self._with_rows(forward)
        due = tf.numpy_function(host.due, [], tf.bool)
        due.set_shape(())
        return self._either(due, lambda: self._with_rows(forward), lambda: self._one_pass(forward))

    def apply(self, forward: Forward, result: StepResult) -> None:
        """Update the variables; nothing of a task without a part in the step moves."""
        grads, variables = self._regularised(forward, result.grads), self.plan.variables
        if n_replicas() > 1 or self.scaling:
            hold = AbsentTaskFreezer(self.plan, self.optimizer, everything=True)
            self.optimizer.apply(grads, variables)
            hold.put_back(result.active_K)
            return

        def held() -> tf.Operation | None:
            hold = AbsentTaskFreezer(self.plan, self.optimizer, everything=False)
            some = tf.reduce_any(result.active_K)
            move = tf.constant(True) if forward.regulariser is not None else some
            tf.cond(move, lambda: self._apply(grads, variables), tf.no_op)
            hold.put_back(result.active_K)
            return tf.no_op()

        # Where all take part nothing has to be kept or put back, which costs a small model a tenth of a step.
        tf.cond(tf.reduce_all(result.active_K), lambda: self._apply(grads, variables), held)

    # -- the two kinds of pass ----------------------------------------------------------------------

    def _one_pass(self, forward: Forward) -> StepResult:
        """Return the gradient of Σ wₖLₖ: one backward pass through what is shared."""
        none_KK = tf.zeros((0, 0), tf.float64)
        answer = self._weigh(forward, none_KK, tf.ones_like(forward.present_K))
        active_K = answer[2] > 0
        shared = self._weighted(forward, answer[0], self.plan.shared)
        own = self._weighted(forward, answer[1], self.plan.own)
        grads = [*shared, *own]
        if self.scaling:  # what is not finite is overflow, and the optimiser's business
            return StepResult(grads, active_K)
        finite = tf.math.is_finite(tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in grads]))
        if n_replicas() > 1:
            return StepResult(
                tf.cond(finite, lambda: grads, lambda: self._without_broken(forward, answer, False)), active_K
            )
        grads = tf.cond(finite, lambda: grads, lambda: self._without_broken(forward, answer, True))
        return StepResult(grads, active_K)

    def _with_rows(self, forward: Forward) -> StepResult:
        """Return the gradient after each task's own was looked at."""
        if not self._ghost_possible():
            return self._by(forward, ExactStepGradients(forward, self.plan, self._scale()))
        limit, n_rows = row_limit(self.taps), tf.shape(forward.taps_inputs[0])[0]
        known = forward.taps_inputs[0].shape[0]

        def ghost() -> StepResult:
            return self._by(
                forward, GhostStepGradients(forward, self.plan, self._scale(), self.taps, at_preactivation)
            )

        def direct() -> StepResult:
            return self._by(forward, ExactStepGradients(forward, self.plan, self._scale()))

        if self.source == "ghost" or (known is not None and known <= limit):
            return ghost()
        if known is not None:
            return direct()
        return self._either(n_rows <= limit, ghost, direct)

    def _by(self, forward: Forward, rows: StepGradients) -> StepResult:
        healthy_K = rows.healthy()
        if self.host.balancer.needs is Needs.JACOBIAN:
            update_P, answer = self._combine(forward, rows.jacobian(), healthy_K)
            shared = rows.split(update_P)
        else:
            answer = self._weigh(forward, rows.gramian(), healthy_K)
            shared = rows.combined(answer[0])
        return StepResult([*shared, *rows.own(answer[1])], answer[2] > 0)

    def _ghost_possible(self) -> bool:
        tapped = bool(self.taps) and self.source != "exact"
        return tapped and self.host.balancer.needs is not Needs.JACOBIAN and n_replicas() == 1

    # -- the host -----------------------------------------------------------------------------------

    def _weigh(self, forward: Forward, gramian_KK: tf.Tensor, healthy_K: tf.Tensor) -> tf.Tensor:
        scale = tf.cast(self._scale(), tf.float64)
        unscaled_KK = tf.cast(gramian_KK, tf.float64) / (scale * scale)
        inputs = [tf.cast(forward.losses_K, tf.float64), forward.present_K, unscaled_KK, healthy_K]
        answer = on_host(self.host.weigh, [*inputs, tf.constant(self.scaling)], tf.float64)
        return tf.ensure_shape(answer, (3, len(self.host.tasks)))

    def _combine(
        self, forward: Forward, jacobian_KP: tf.Tensor, healthy_K: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        scale = tf.cast(self._scale(), jacobian_KP.dtype)
        inputs = [tf.cast(forward.losses_K, tf.float64), forward.present_K, jacobian_KP / scale, healthy_K]
        dtypes = (jacobian_KP.dtype, tf.float64)
        update_P, answer = on_host(self.host.combine, [*inputs, tf.constant(self.scaling)], dtypes)
        update_P = tf.ensure_shape(update_P, (jacobian_KP.shape[1],))
        # The update is that of the joined batch, and the optimiser sums over the replicas.
        return update_P * scale / n_replicas(), tf.ensure_shape(answer, (3, len(self.host.tasks)))

    # -- gradients ----------------------------------------------------------------------------------

    def _weighted(self, forward: Forward, weights_K: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
        if not variables:
            return []
        pairs = [(loss, k) for k, loss in enumerate(forward.losses) if loss is not None]
        upstream = [
            tf.cast(weights_K[k], loss.dtype) * tf.cast(self._scale(), loss.dtype) for loss, k in pairs
        ]
        losses = [loss for loss, _ in pairs]
        grads = forward.tape.gradient(losses, list(variables), output_gradients=upstream) if losses else []
        return filled(grads or [None] * len(variables), variables)

    def _without_broken(self, forward: Forward, answer: tf.Tensor, note: bool) -> list[tf.Tensor]:
        """Return the gradient after K passes, those that are not finite left out."""
        rows = ExactStepGradients(forward, self.plan, self._scale(), summed_over_replicas=False)
        healthy_K = rows.finite()
        if note:
            broken_K = (answer[2] > 0) & ~healthy_K
            done = tf.numpy_function(self.host.note_gradients, [broken_K], tf.float64)
            with tf.control_dependencies([done]):
                healthy_K = tf.identity(healthy_K)
        kept = tf.where(healthy_K[None], answer, tf.zeros_like(answer))
        return [*rows.combined(kept[0]), *rows.own(kept[1])]

    def _regularised(self, forward: Forward, grads: list[tf.Tensor]) -> list[tf.Tensor]:
        if forward.regulariser is None:
            return grads
        variables = self.plan.variables
        upstream = tf.cast(self._scale(), forward.regulariser.dtype)
        more = forward.tape.gradient(forward.regulariser, variables, output_gradients=upstream)
        return [g + m for g, m in zip(grads, filled(more, variables), strict=True)]

    def _scale(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.optimizer.scale_loss(tf.ones((), tf.float32)))

    def _apply(self, grads: list[tf.Tensor], variables: list[Any]) -> tf.Operation | None:
        self.optimizer.apply(grads, variables)
        return tf.no_op()

    @staticmethod
    def _either(which: tf.Tensor, yes: Callable[[], StepResult], no: Callable[[], StepResult]) -> StepResult:
        def flat(branch: Callable[[], StepResult]) -> Callable[[], Any]:
            def run() -> Any:
                result = branch()
                return [result.grads, result.active_K]

            return run

        grads, active_K = tf.cond(which, flat(yes), flat(no))
        return StepResult(grads, active_K)
