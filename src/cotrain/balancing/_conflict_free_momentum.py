"""Conflict-free inverse gradients of running means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._jacobian_rule import JacobianRule


class MConFIG(JacobianRule):
    """`ConFIG` of running means of the gradients (M-ConFIG), so that a step needs only some of the losses.

    mₖ ← β₁mₖ + (1−β₁)gₖ for the tasks of the step; the conflict-free direction of all m̂ₖ seen so far is
    followed, those of absent tasks included: u with equal cosines, of the length Σₖ ⟨m̂ₖ, u⟩. So each step
    may compute one loss, K times cheaper. With `adaptive` it is divided by the root of a running mean of
    squares as in Adam, that of the gradient that would have moved one running mean from the last direction
    to this one. Cost: the Jacobian of the losses in the batch, and a K×P state. Needs: `JACOBIAN`.

    It fails, for memory, on large models; where the parameters move far between two steps of one task, whose
    running mean is then old; and with an optimiser that adapts by itself if `adaptive` is on: use SGD, or
    turn it off.

    A preference p makes the cosines proportional to pₖ.

    Args:
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1), of the running mean of squares.
        adaptive: whether the direction is divided by it.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> balancer = MConFIG(adaptive=False)
        >>> jacobian = np.array([[2.0, 0.0], [0.0, 1.0]])
        >>> balancer.combine(jacobian, np.ones(2), np.array([True, False])).round(6).tolist()
        [2.0, 0.0]
        >>> balancer.combine(jacobian, np.ones(2), np.array([False, True])).round(6).tolist()
        [1.5, 1.5]

    Source: Liu, Chu and Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural
    Networks", 2025, https://arxiv.org/abs/2408.11104. Different here: steps count from the first one, where
    the authors' code waits for the first gradient of every task; and no ε beside the root of the squares.
    """

    def __init__(
        self,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        adaptive: bool = True,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, open_high=True, beta_1=beta_1, beta_2=beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.adaptive = adaptive
        self.state["step"] = 0

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        steps_K = self._recall(xp, "n_updates", losses_K, 0.0)
        steps_K = xp.where(active_K, steps_K + 1, steps_K)
        means_KP = self._recall(xp, "mean_gradients", jacobian_KP, 0.0)
        moved_KP = self.beta_1 * means_KP + (1.0 - self.beta_1) * jacobian_KP
        means_KP = xp.where(active_K[:, None], moved_KP, means_KP)
        self.state["n_updates"] = steps_K
        self.state["mean_gradients"] = means_KP
        safe_steps_K = xp.maximum(steps_K, xp.ones_like(steps_K))
        rows_KP = means_KP / (1.0 - self.beta_1**safe_steps_K)[:, None]
        seen_K = steps_K > 0
        wanted_K = self._preference_K(xp, losses_K, seen_K)
        update_P = _conflict_free(xp, rows_KP, xp.where(seen_K, wanted_K, xp.zeros_like(wanted_K)))
        return self._adapted(xp, update_P) if self.adaptive else update_P

    def _adapted(self, xp: Any, update_P: Array) -> Array:
        """Divide by the root of the running mean of squares of a gradient that explains the direction."""
        step = self.state["step"] = self.state["step"] + 1
        before_P = self._recall(xp, "mean_update", update_P, 0.0)
        squares_P = self._recall(xp, "squares", update_P, 0.0)
        mean_P = update_P * (1.0 - self.beta_1**step)
        implied_P = (mean_P - self.beta_1 * before_P) / (1.0 - self.beta_1)
        squares_P = self.beta_2 * squares_P + (1.0 - self.beta_2) * implied_P**2
        self.state["mean_update"] = mean_P
        self.state["squares"] = squares_P
        root_P = xp.sqrt(squares_P / (1.0 - self.beta_2**step))
        return update_P / xp.where(root_P > 0, root_P, xp.ones_like(root_P))


def _conflict_free(xp: Any, rows_KP: Array, cosines_K: Array) -> Array:
    """Return the vector with cosines proportional to `cosines_K` and ConFIG's length, without branching."""
    # two steps, so that squares of short gradients do not vanish
    largest_K = xp.max(xp.abs(rows_KP), axis=1)
    safe_K = xp.where(largest_K > 0, largest_K, xp.ones_like(largest_K))
    norms_K = safe_K * xp.sqrt(xp.sum((rows_KP / safe_K[:, None]) ** 2, axis=1))
    pulls_K = norms_K > 0
    units_KP = rows_KP / xp.where(pulls_K, norms_K, xp.ones_like(norms_K))[:, None]
    cosines_K = xp.where(pulls_K, cosines_K, xp.zeros_like(cosines_K))
    values_K, vectors_KK = xp.linalg.eigh(units_KP @ units_KP.T)
    tolerance = 4.0 * rows_KP.shape[0] * xp.finfo(rows_KP.dtype).eps
    kept_K = values_K > tolerance * xp.max(values_K)
    coordinates_K = vectors_KK.T @ cosines_K
    kept_K = kept_K & (xp.abs(coordinates_K) > tolerance * xp.sqrt(xp.sum(cosines_K**2)))
    coordinates_K = xp.where(kept_K, coordinates_K / xp.where(kept_K, values_K, xp.ones_like(values_K)), 0.0)
    direction_P = (vectors_KK @ coordinates_K) @ units_KP
    length = xp.sqrt(xp.sum(direction_P**2))
    # opposite gradients leave what rounding has made
    clear = length > tolerance * xp.sqrt(xp.sum(coordinates_K**2))
    unit_P = direction_P / xp.where(clear, length, xp.ones_like(length))
    unit_P = xp.where(clear, unit_P, xp.zeros_like(unit_P))
    # and so do gradients that add up to 0, over which no direction gains
    gain = xp.sum(norms_K * (units_KP @ unit_P))
    return unit_P * xp.where(xp.abs(gain) > tolerance * xp.sum(norms_K), gain, xp.zeros_like(gain))
