"""Fast adaptive multitask optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from cotrain._base import InvalidArgumentError, check_number
from cotrain.balancing._adam import adam_step
from cotrain.balancing._arrays import Array, masked_softmax, masked_sum
from cotrain.balancing._loss_rule import LossRule


class FAMO(LossRule):
    """Weights under which all log-losses fall at the same rate, learned from the losses alone.

    With z = softmax(ξ): wₖ = c·zₖ/(Lₖ − bₖ), c = 1/Σ zₖ/(Lₖ − bₖ), so weights sum to 1. After the update
    the losses of the same batch are looked at once more, and ξ takes an Adam step along
    Jac_softmaxᵀ(log(L − b) before − after) + γξ: a task that improved less gets more weight. Cost: one
    forward pass more, on the batch just seen. Needs: `LOSSES`, and `observe_update` after each update
    (`cotrain.Balance` and the fit loop call it); without it the weights stay c/(K(L − b)).

    It fails when the losses after the update come from another batch: their noise is then learned.
    Losses below bₖ are counted from a running lower bound, so a step never climbs.

    A preference multiplies zₖ; weights still sum to 1.

    Args:
        learning_rate: of Adam on ξ, > 0.
        weight_decay: γ ≥ 0, pulls the weights towards equal ones.
        minima: b, K lower bounds of the losses. `None` = 0.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range, or `minima` does not have K numbers.

    Example:
        >>> import numpy as np
        >>> balancer = FAMO()
        >>> balancer.weights(np.array([1.0, 4.0])).round(6).tolist()
        [0.8, 0.2]
        >>> balancer.observe_update(np.array([0.5, 4.0]))  # only the first one improved
        >>> bool(balancer.weights(np.array([1.0, 4.0]))[1] > 0.2)
        True

    Source: Liu et al., "FAMO: Fast Adaptive Multitask Optimization", 2023,
    https://arxiv.org/abs/2306.03792. Different here: one Adam clock per task, which stands still while the
    task is absent.
    """

    observes_update = True
    multiplies_preference = False

    def __init__(
        self,
        learning_rate: float = 0.025,
        weight_decay: float = 0.001,
        minima: Sequence[float] | None = None,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, open_low=True, learning_rate=learning_rate)
        check_number(self, 0.0, weight_decay=weight_decay)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.minima = None if minima is None else [float(value) for value in minima]

    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        gap_K = self._positive_losses(xp, self._above_minima(xp, losses_K), active_K)
        logits_K = self._recall(xp, "logits", losses_K, 0.0)
        share_K = masked_softmax(xp, logits_K, active_K) * self._preference_K(xp, losses_K, active_K)
        weights_K = share_K / gap_K
        total = masked_sum(xp, weights_K, active_K)
        self.state["logits"] = logits_K
        # NaN marks the tasks that were absent, in the update's losses too
        self.state["log_before"] = xp.where(active_K, xp.log(gap_K), xp.full_like(gap_K, float("nan")))
        return weights_K / xp.where(total > 0, total, xp.ones_like(total))

    def observe_update(self, losses: Array) -> None:
        """Take an Adam step on ξ, given the losses of the same batch after the update.

        Raises:
            InvalidArgumentError: if `weights` was not called before.
        """
        if "log_before" not in self.state:
            raise InvalidArgumentError("FAMO.observe_update(losses) was called before weights(losses).")
        xp = array_namespace(losses)
        losses_K, finite_K = self._prepared(xp, losses, None)
        log_before_K = self._recall(xp, "log_before", losses_K, 0.0)
        active_K = finite_K & xp.isfinite(log_before_K)
        gap_K = self._positive_losses(xp, self._above_minima(xp, losses_K), active_K)
        fall_K = xp.where(active_K, log_before_K - xp.log(gap_K), xp.zeros_like(gap_K))
        logits_K = self._recall(xp, "logits", losses_K, 0.0)
        share_K = masked_softmax(xp, logits_K, active_K)
        gradient_K = share_K * (fall_K - xp.sum(share_K * fall_K)) + self.weight_decay * logits_K
        names = ("first_moment", "second_moment", "n_updates")
        first_K, second_K, steps_K = (self._recall(xp, name, losses_K, 0.0) for name in names)
        change_K, after = adam_step(xp, gradient_K, (first_K, second_K, steps_K), self.learning_rate)
        self._keep(xp, "logits", logits_K + change_K, logits_K, active_K)
        for name, new_K, old_K in zip(names, after, (first_K, second_K, steps_K), strict=True):
            self._keep(xp, name, new_K, old_K, active_K)

    def _above_minima(self, xp: Any, losses_K: Array) -> Array:
        if self.minima is None:
            return losses_K
        self._check_length("minima", self.minima, losses_K.shape[0])
        return losses_K - self._constant(xp, self.minima, losses_K)
