"""Random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from cotrain._base import check_choice, numpy_generator
from cotrain.balancing._arrays import Array, count, masked_softmax, masked_sum
from cotrain.balancing._loss_rule import LossRule


class RandomWeighting(LossRule):
    """New random weights at every step: w = K·softmax(z), z ~ N(0, I), or K times a Dirichlet(1) draw.

    On average equal weights, with noise that acts as a regulariser. It is the reference that a method of
    adaptive weights has to beat (it beats PCGrad in published comparisons). Cost: K random numbers on the
    host. Needs: `LOSSES`.

    It fails, as equal weights do, when the losses differ in unit.

    A preference multiplies the weights.

    Args:
        distribution: `"normal"` or `"dirichlet"`.
        seed: names the random stream; the draw is a pure function of (seed, step).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if the distribution is not one of the two.

    Example:
        >>> import numpy as np
        >>> weights = RandomWeighting(seed=1).weights(np.array([0.5, 20.0]))
        >>> round(float(weights.sum()), 12)
        2.0

    Source: Lin et al., "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task
    Learning", 2022, https://arxiv.org/abs/2111.10603. Different here: weights have mean 1, not sum 1, so
    that a learning rate means the same as for `Equal`.
    """

    def __init__(
        self,
        distribution: Literal["normal", "dirichlet"] = "normal",
        seed: int = 0,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_choice(self, ("normal", "dirichlet"), distribution=distribution)
        self.distribution = distribution
        self.seed = seed
        self.state["step"] = 0

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        generator = numpy_generator(self.seed, "random weighting", self.state["step"])
        self.state["step"] += 1
        n_tasks = losses_K.shape[0]
        n_active = count(xp, active_K, losses_K.dtype)
        if self.distribution == "normal":
            draw_K = xp.asarray(
                generator.standard_normal(n_tasks).tolist(), dtype=losses_K.dtype, device=losses_K.device
            )
            return n_active * masked_softmax(xp, draw_K, active_K)
        draw_K = xp.asarray(
            generator.standard_exponential(n_tasks).tolist(), dtype=losses_K.dtype, device=losses_K.device
        )
        total = masked_sum(xp, draw_K, active_K)
        return n_active * draw_K / xp.where(total > 0, total, xp.ones_like(total))
