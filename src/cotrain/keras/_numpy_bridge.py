"""The balancer on the host: what a graph calls through `tf.numpy_function`, once a step."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer, JacobianRule, Needs, StepDecision

_log = logging.getLogger("cotrain")


class BalancerBridge:
    """A balancer with what is counted beside it.

    `tf.numpy_function` is stateful, so that a graph calls these in order and never twice a step.

    Args:
        balancer: the method.
        tasks: the K names.
        preference: K numbers or `None`, from the model.
        reference_losses: K numbers or `None`.

    Raises:
        InvalidArgumentError: for a method on several independent batches.
    """

    def __init__(
        self,
        balancer: Balancer,
        tasks: Sequence[str],
        preference: Sequence[float] | None,
        reference_losses: Sequence[float] | None,
    ) -> None:
        if not isinstance(balancer, Balancer):
            raise InvalidArgumentError(
                "MultiTaskModel(balancer=...) must be a balancing method such as "
                f"cotrain.balancing.UPGrad(), got {balancer!r}."
            )
        if balancer.needs is Needs.CROSS:
            raise InvalidArgumentError(
                f"{type(balancer).__name__} needs several independent batches in one step, which "
                "model.fit does not draw: use it with cotrain.Balance, or take another method here."
            )
        self.balancer = balancer
        self.tasks = tuple(tasks)
        balancer.start(len(tasks), reference_losses=reference_losses, preference=preference)
        self.preference = balancer.preference or preference
        #: A class that fixes its needs never changes them; `Every` and what is around it may at each step.
        self.fixed = getattr(type(balancer), "needs", None) is not None
        self.weighs_losses = balancer.weighs_losses
        self.nothing_shared = False
        self.weights_K: np.ndarray | None = None
        self.skipped_K = np.zeros(len(tasks), dtype=np.int64)
        self._warned: set[str] = set()

    # -- called from the graph: arrays in, arrays out ------------------------------------------------

    def due(self) -> np.ndarray:
        """Return whether this step's weights need gradients."""
        return np.asarray(self.balancer.needs is not Needs.LOSSES)

    def weigh(
        self,
        losses_K: np.ndarray,
        present_K: np.ndarray,
        gramian_KK: np.ndarray,
        healthy_K: np.ndarray,
        scaled: np.ndarray,
    ) -> np.ndarray:
        """Return [3, K]: the weights on the shared variables, those on the others, and who took part.

        Args:
            losses_K: the losses, anything where absent.
            present_K: which tasks have a label.
            gramian_KK: K×K, or [0, 0] if none was computed.
            healthy_K: whether the gradients of the tasks' own variables are finite.
            scaled: whether a `LossScaleOptimizer` is at work: a gradient that is not finite although its loss
                is then overflow, left for the optimiser to find.
        """
        decision = self._decide(
            losses_K, present_K, healthy_K, scaled, gramian_KK if gramian_KK.size > 0 else None
        )
        if not decision.overflow:
            self.weights_K = decision.weights_K
        return _answer(decision.weights_K, decision)

    def combine(
        self,
        losses_K: np.ndarray,
        present_K: np.ndarray,
        jacobian_KP: np.ndarray,
        healthy_K: np.ndarray,
        scaled: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the update [P] of a method that combines gradients entry by entry, and [3, K] as `weigh`."""
        rule = self.balancer
        if not isinstance(rule, JacobianRule):
            raise InvalidArgumentError(f"{type(rule).__name__} does not combine gradients entry by entry.")
        finite_K = healthy_K & np.isfinite(jacobian_KP).all(axis=1)
        decision = self._decide(losses_K, present_K, finite_K, scaled, None)
        update_P = np.zeros(jacobian_KP.shape[1], jacobian_KP.dtype)
        if decision.overflow:
            return np.full_like(update_P, np.nan), _answer(decision.weights_K, decision)
        if not decision.skip:
            filled_K = np.where(decision.active_K, losses_K, 0.0)
            update_P = rule.combine(jacobian_KP, filled_K, decision.active_K).astype(jacobian_KP.dtype)
        self.weights_K = np.full(len(self.tasks), np.nan)
        return update_P, _answer(decision.head_weights_K, decision)

    def observe_update(self, losses_K: np.ndarray, present_K: np.ndarray) -> np.ndarray:
        """Give the balancer the losses after the update."""
        self.balancer.observe_update(np.where(present_K, losses_K, np.nan))
        return np.zeros((), dtype=np.float64)

    def note_gradients(self, broken_K: np.ndarray) -> np.ndarray:
        """Count tasks whose loss is finite and whose gradient is not, in a step of one backward pass."""
        self._count(broken_K.astype(bool))
        return np.zeros((), dtype=np.float64)

    # -- inside -------------------------------------------------------------------------------------

    def _decide(
        self,
        losses_K: np.ndarray,
        present_K: np.ndarray,
        finite_K: np.ndarray,
        scaled: np.ndarray,
        gramian_KK: np.ndarray | None,
    ) -> StepDecision:
        decision = StepDecision.of(
            self.balancer,
            losses_K,
            present_K,
            gramian=gramian_KK,
            gradients_finite=finite_K,
            shared=not self.nothing_shared,
            scaled=bool(scaled),
        )
        self._count(decision.broken_K)
        return decision

    def _count(self, broken_K: np.ndarray) -> None:
        self.skipped_K += broken_K
        for task, broken in zip(self.tasks, broken_K, strict=True):
            if broken and task not in self._warned:
                self._warned.add(task)
                _log.warning(
                    "The loss or gradient of task %r is not finite: the task is left out of such steps, "
                    "which model.skipped counts.",
                    task,
                )


def _answer(weights_K: np.ndarray, decision: StepDecision) -> np.ndarray:
    """Return [3, K]: the weights on the shared variables, those on the others, and who takes part."""
    return np.stack([weights_K, decision.head_weights_K, decision.active_K.astype(np.float64)])
