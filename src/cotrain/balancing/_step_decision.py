"""What one step does with each task, decided on the host from numbers: no framework, no gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, namespace_of
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._gramian_rule import to_float64

Rescale = Literal["sum", "mean", "weights"] | None


def head_weights(preference: Sequence[float] | None, active_K: np.ndarray) -> np.ndarray:
    """Return what the tasks' own parameters count where weights are for the shared ones only.

    It is the preference with mean 1 over the active tasks, 0 elsewhere.

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


@dataclass(frozen=True)
class StepDecision:
    """Who takes part in a step, and with which weights; made by `StepDecision.of`, which asks the balancer.

    A task is *active* where it is present and its loss and gradients are finite, *broken* where it is
    present and they are not. In float16 training a gradient that is not finite although its loss is means
    *overflow* of the loss scale: then no weight is decided (all are NaN, so that whatever is multiplied by
    them shows the scaler an overflow), the balancer is not asked and keeps its state, and nobody is broken.
    Where no task is active the balancer is not asked either.

    A caller, step by step:

    1. bring losses, Gramian (or its diagonal) and finiteness to the host in one transfer, unscaled, in the
       order of the K tasks (anything where absent), and make the decision;
    2. `overflow`: let the scaler skip the step, and stop here;
    3. `skip`: nothing moves; otherwise the shared gradient is Σ `weights_K`[k]·∇Lₖ and the gradient of task
       k's own parameters `head_weights_K`[k]·∇Lₖ, over the active tasks. A method with
       `Needs.JACOBIAN` has no weights (they are NaN): its update is
       `balancer.combine(jacobian, losses, decision.active_K)`, to be called unless `overflow` or `skip`;
       the heads' weights hold for it too;
    4. count the tasks in `broken_K` as skipped.

    Args:
        losses_K: the losses in float64, as they came.
        gramian_KK: the Gramian in float64, NaN in the rows and columns of tasks that are not active; a
            diagonal matrix if only the diagonal was given; `None` if nothing was.
        active_K: which tasks take part (at an overflow: which are present).
        broken_K: which tasks are present and left out, because their loss or gradient is not finite.
        overflow: whether the loss scale is too large.
        weights_K: K weights on the shared parameters in float64, 0 where not active.
        head_weights_K: K weights on the tasks' own parameters: those of the whole losses if the balancer
            `weighs_losses`, otherwise the preference with mean 1 over the active tasks; 0 where not active.

    Example:
        >>> from cotrain.balancing import MGDA
        >>> losses, present = np.array([1.0, np.nan, 3.0]), np.array([True, True, False])
        >>> decision = StepDecision.of(MGDA(), losses, present, gramian=np.eye(3))
        >>> decision.active_K.tolist(), decision.broken_K.tolist()
        ([True, False, False], [False, True, False])
        >>> decision.weights_K.tolist(), decision.head_weights_K.tolist()
        ([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    """

    losses_K: np.ndarray
    gramian_KK: np.ndarray | None
    active_K: np.ndarray
    broken_K: np.ndarray
    overflow: bool
    weights_K: np.ndarray
    head_weights_K: np.ndarray

    @property
    def skip(self) -> bool:
        """Whether no task takes part: there is nothing to apply."""
        return not self.active_K.any()

    @classmethod
    def of(
        cls,
        balancer: Balancer,
        losses: np.ndarray,
        present: np.ndarray | None = None,
        *,
        gramian: np.ndarray | None = None,
        gradients_finite: np.ndarray | None = None,
        losses_on_device: Array | None = None,
        shared: bool = True,
        scaled: bool = False,
        rescale: Rescale = None,
    ) -> StepDecision:
        """Decide about a step, asking the balancer once for its weights (unless its `needs` is the Jacobian).

        Args:
            balancer: the method; the only thing that changes is its state.
            losses: K losses in host memory, anything where absent.
            present: K booleans: which tasks have a loss in this step (for methods on independent batches:
                in each of the batches). `None` = all.
            gramian: K×K, or its diagonal (K,), without the loss scale; `None` where the weights need none
                and none was computed. A diagonal that is not finite makes its task broken.
            gradients_finite: K booleans: whatever else is known of the tasks' gradients, such as those of
                their own parameters or a row of the Jacobian. `None` = all finite.
            losses_on_device: the same K losses as an array of their framework, for methods on losses, which
                keep their state beside it; `None` = `losses`.
            shared: whether there are shared parameters at all. Without any no gradients meet, and a method
                that would weigh them is not asked: every weight is the preference.
            scaled: whether a loss scale is at work, so that a gradient that is not finite may be overflow.
            rescale: what is done about the length of the update: `None` leaves it, "sum" and "mean" make it
                as long as the sum or the mean of the active gradients (they need the whole Gramian),
                "weights" makes the weights of the active tasks add up to their number. A method that needs
                the Jacobian is left alone: rescale its update.

        Raises:
            InvalidArgumentError: if `rescale` needs a Gramian that was not given.
        """
        losses_K = to_float64(losses)
        n_tasks = losses_K.shape[0]
        present_K = np.ones(n_tasks, dtype=bool) if present is None else np.asarray(present, dtype=bool)
        finite_K = np.ones(n_tasks, dtype=bool) if gradients_finite is None else np.array(gradients_finite)
        gramian_KK = None
        if gramian is not None:
            values = to_float64(gramian)
            gramian_KK = np.diag(values) if values.ndim == 1 else values
            finite_K &= np.isfinite(gramian_KK.diagonal())
        _check_rescale(rescale, gramian, balancer)
        healthy_K = present_K & np.isfinite(losses_K)
        active_K = healthy_K & finite_K
        if scaled and not np.array_equal(active_K, healthy_K):
            nan_K, nobody_K = np.full(n_tasks, np.nan), np.zeros(n_tasks, dtype=bool)
            return cls(losses_K, gramian_KK, present_K, nobody_K, True, nan_K, nan_K)
        filled_KK = gramian_KK
        if gramian_KK is not None and not active_K.all():
            # Rules skip what is inactive before they compute, so any finite filler will do.
            both_KK = np.outer(active_K, active_K)
            filled_KK, gramian_KK = np.where(both_KK, gramian_KK, 0.0), np.where(both_KK, gramian_KK, np.nan)
        heads_K = head_weights(balancer.preference, active_K)
        weighs_losses = balancer.weighs_losses
        if not active_K.any():
            weights_K = np.zeros(n_tasks)
        elif not shared and not weighs_losses:
            weights_K = heads_K
        elif balancer.needs is Needs.JACOBIAN:
            weights_K = np.full(n_tasks, np.nan)
        else:
            given = losses_K if losses_on_device is None else losses_on_device
            weights_K = _asked(balancer, losses_K, filled_KK, active_K, given)
            weights_K = weights_K * _rescaling(weights_K, filled_KK, active_K, rescale)
        heads_K = weights_K if weighs_losses else heads_K
        return cls(losses_K, gramian_KK, active_K, present_K & ~active_K, False, weights_K, heads_K)


def _asked(
    balancer: Balancer,
    losses_K: np.ndarray,
    gramian_KK: np.ndarray | None,
    active_K: np.ndarray,
    losses_on_device: Array,
) -> np.ndarray:
    """Return the balancer's weights; where all take part it is told so by `None`, which is faster."""
    everyone = bool(active_K.all())
    if balancer.needs is Needs.LOSSES:
        xp = namespace_of(losses_on_device)
        active = None if everyone else xp.asarray(active_K, device=losses_on_device.device)
        return to_float64(balancer.weights(losses_on_device, None, active))
    if everyone:
        return np.asarray(balancer.weights(losses_K, gramian_KK, None))
    return np.asarray(balancer.weights(np.where(active_K, losses_K, 0.0), gramian_KK, active_K))


def _check_rescale(rescale: Rescale, gramian: np.ndarray | None, balancer: Balancer) -> None:
    if rescale not in ("sum", "mean") or balancer.needs is Needs.JACOBIAN:
        return
    if gramian is None or np.ndim(gramian) != 2:
        raise InvalidArgumentError(
            f"rescale={rescale!r} compares the update with the gradients and got "
            f"{'no Gramian' if gramian is None else 'only the diagonal of the Gramian'}: give the K×K "
            "Gramian, or use rescale='weights'."
        )


def _rescaling(
    weights_K: np.ndarray, gramian_KK: np.ndarray | None, active_K: np.ndarray, rescale: Rescale
) -> float:
    """Return the factor that gives the update the length that `rescale` asks for."""
    if rescale is None:
        return 1.0
    n_active = int(active_K.sum())
    if rescale == "weights" or gramian_KK is None:
        total = float(weights_K.sum())
        return n_active / total if total > 0 else 1.0
    ones_K = active_K.astype(float)
    length = float(np.sqrt(max(weights_K @ gramian_KK @ weights_K, 0.0)))
    wanted = float(np.sqrt(max(ones_K @ gramian_KK @ ones_K, 0.0)))
    if length == 0:
        return 1.0
    return wanted / length / (n_active if rescale == "mean" else 1)
