"""New weights only every few steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from cotrain._base import check_number
from cotrain.balancing._arrays import Array, detached, masked_mean, widened
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._wrappers import Wrapper, taking_part


class Every(Wrapper):
    """The weights of another method, computed every k steps and reused in between.

    `needs` is that of the other method on the steps that compute and `LOSSES` on the others, so a caller
    who reads it at each step saves the Gramian. A task that is absent when weights are computed keeps its
    last one; a task that never had one gets the mean of the others. Cost: 1/k of the other method's.

    It fails when the conflicts change faster than every k steps.

    A preference is the other method's business: give it there.

    Args:
        balancer: any method that gives weights.
        k: number of steps per solve, at least 1.

    Raises:
        InvalidArgumentError: if k is below 1, or the method gives updates instead of weights.

    Example:
        >>> import numpy as np
        >>> from cotrain.balancing import NashMTL
        >>> balancer = Every(NashMTL(), k=10)
        >>> balancer.needs.value
        'gramian'
        >>> balancer.weights(np.ones(2), np.eye(2)).tolist()
        [1.0, 1.0]
        >>> balancer.needs.value  # for the next nine steps
        'losses'

    Source: Navon et al., "Multi-Task Learning as a Bargaining Game", 2022,
    https://arxiv.org/abs/2202.01017, who solve every n steps.
    """

    def __init__(self, balancer: Balancer, k: int = 10) -> None:
        super().__init__(balancer)
        check_number(self, 1, k=k)
        self.k = k
        self.state["step"] = 0
        self._set_needs()

    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Return the K weights of this step; see `Balancer.weights`."""
        self._check_losses(losses)
        due = self.state["step"] % self.k == 0
        self.state["step"] += 1
        self._set_needs()
        if not due:
            return self._reused(losses, active)
        weights_K = self.balancer.weights(losses, gramian, active)
        xp = array_namespace(weights_K)
        old_K = self.state.get("weights")
        if old_K is None:
            old_K = xp.full_like(weights_K, float("nan"))
        old_K = xp.asarray(old_K, dtype=weights_K.dtype, device=weights_K.device)
        took_part_K = taking_part(xp, weights_K, losses, gramian, active)
        kept_K = xp.where(took_part_K, weights_K, old_K)
        # weights solved on the host are kept as plain numbers, those on a device stay there
        self.state["weights"] = kept_K.tolist() if isinstance(kept_K, np.ndarray) else kept_K
        return weights_K

    def observe_update(self, losses: Array) -> None:
        """Pass on the losses after the update, on the steps that computed."""
        if self.state["step"] % self.k == 1 % self.k:
            self.balancer.observe_update(losses)

    def _reused(self, losses: Array, active: Array | None) -> Array:
        xp = array_namespace(losses)
        losses_K = widened(xp, detached(losses))
        weights_K = xp.asarray(self.state["weights"], dtype=losses_K.dtype, device=losses_K.device)
        known_K = xp.isfinite(weights_K)
        weights_K = xp.where(known_K, weights_K, masked_mean(xp, weights_K, known_K))
        active_K = xp.isfinite(losses_K)
        if active is not None:
            active_K = active_K & xp.asarray(active, dtype=xp.bool, device=losses_K.device)
        return xp.where(active_K, weights_K, xp.zeros_like(weights_K))

    def _take_state(self, state: Mapping[str, Any]) -> None:
        super()._take_state(state)
        self._set_needs()

    def _set_needs(self) -> None:
        self.needs = Needs.LOSSES if self.state["step"] % self.k else self.balancer.needs
