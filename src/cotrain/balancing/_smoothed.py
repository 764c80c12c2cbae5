"""Running means of another method's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from cotrain._base import check_number
from cotrain.balancing._arrays import Array
from cotrain.balancing._base import Balancer
from cotrain.balancing._wrappers import Wrapper, taking_part


class Smoothed(Wrapper):
    """A running mean of the weights of another method: λ ← βλ + (1−β)w.

    The noise of one batch dominates a Gramian (cosine error .19 against the full one, .11 for a mean over
    100 steps), so smooth weights are worth more than exact ones. The first weights are taken as they are.
    An absent task keeps its mean, with weight 0 for the step. Needs and costs what the other method does.

    It fails to keep guarantees that hold for the weights of a step, such as that no task is harmed.

    A preference is the other method's business: give it there.

    Args:
        balancer: any method that gives weights.
        beta: β in [0, 1); 0 = no smoothing.

    Raises:
        InvalidArgumentError: if β is out of range, or the method gives updates instead of weights.

    Example:
        >>> import numpy as np
        >>> from cotrain.balancing import MGDA
        >>> balancer = Smoothed(MGDA(), beta=0.5)
        >>> balancer.weights(np.ones(2), np.diag([4.0, 1.0])).tolist()
        [0.2, 0.8]
        >>> balancer.weights(np.ones(2), np.diag([1.0, 1.0])).tolist()
        [0.35, 0.65]

    Source: Zhou et al., "On the Convergence of Stochastic Multi-Objective Gradient Manipulation and Beyond"
    (CR-MOGM), 2022, https://openreview.net/forum?id=ScwfQ7hdwyP. Different here: starts at the first
    weights instead of equal ones.
    """

    def __init__(self, balancer: Balancer, beta: float = 0.9) -> None:
        super().__init__(balancer)
        check_number(self, 0, 1, open_high=True, beta=beta)
        self.beta = beta

    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Return the K weights of this step; see `Balancer.weights`."""
        self._check_losses(losses)
        weights_K = self.balancer.weights(losses, gramian, active)
        self.needs = self.balancer.needs  # `Every` changes its needs from step to step
        xp = array_namespace(weights_K)
        took_part_K = taking_part(xp, weights_K, losses, gramian, active)
        old_K = self.state.get("means")
        if old_K is None:
            old_K = xp.full_like(weights_K, float("nan"))
        old_K = xp.asarray(old_K, dtype=weights_K.dtype, device=weights_K.device)
        moved_K = self.beta * old_K + (1 - self.beta) * weights_K
        moved_K = xp.where(xp.isfinite(old_K), moved_K, weights_K)
        means_K = xp.where(took_part_K, moved_K, old_K)
        # weights solved on the host are kept as plain numbers, those on a device stay there
        self.state["means"] = means_K.tolist() if isinstance(means_K, np.ndarray) else means_K
        return xp.where(took_part_K, means_K, xp.zeros_like(means_K))

    def _take_state(self, state: Mapping[str, Any]) -> None:
        super()._take_state(state)
        self.needs = self.balancer.needs
