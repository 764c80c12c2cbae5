"""What methods around other methods share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, detached
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._gramian_rule import to_float64


class Wrapper(Balancer):
    """A method around another one, to which it passes on what it hears; its state holds the other's.

    Args:
        balancer: any method that gives weights.

    Raises:
        InvalidArgumentError: if the method gives updates instead of weights.
    """

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        if balancer.needs is Needs.JACOBIAN:
            raise InvalidArgumentError(
                f"{type(self).__name__}(balancer=...) works on weights, and {type(balancer).__name__} gives "
                "updates instead."
            )
        self.balancer = balancer
        self.state["balancer"] = balancer.state
        self.preference = balancer.preference  # what the heads weigh; the other method applies it itself
        self.needs = balancer.needs
        self.weighs_losses = balancer.weighs_losses
        self.observes_update = balancer.observes_update
        self.observes_validation = balancer.observes_validation
        self.batches = balancer.batches

    def start(
        self,
        n_tasks: int,
        *,
        reference_losses: Sequence[float] | None = None,
        preference: Sequence[float] | None = None,
    ) -> None:
        """Pass on what is known about the tasks."""
        self.balancer.start(n_tasks, reference_losses=reference_losses, preference=preference)
        self.preference = self.balancer.preference
        super().start(n_tasks)

    def observe_update(self, losses: Array) -> None:
        """Pass on the losses after the update."""
        self.balancer.observe_update(losses)

    def observe_validation(self, losses: Array) -> None:
        """Pass on the validation losses."""
        self.balancer.observe_validation(losses)

    def end_epoch(self) -> None:
        """Pass on that an epoch has ended."""
        self.balancer.end_epoch()

    def _state_to_save(self) -> dict[str, Any]:
        return {**self.state, "balancer": self.balancer.state_dict()}

    def _check_state(self, state: Mapping[str, Any]) -> None:
        super()._check_state(state)
        self.balancer._check_state(state["state"]["balancer"])

    def _take_state(self, state: Mapping[str, Any]) -> None:
        super()._take_state(state)
        self.balancer._take_state(self.state["balancer"])
        self.state["balancer"] = self.balancer.state


def taking_part(
    xp: Any, weights_K: Array, losses: Array, gramian: Array | None, active: Array | None
) -> Array:
    """Return which tasks a method looked at, beside its weights: a weight of 0 alone does not tell."""
    if isinstance(weights_K, np.ndarray):
        losses_K = to_float64(losses)
        part_K = np.isfinite(losses_K)
        if gramian is not None:
            values = to_float64(gramian)
            part_K &= np.isfinite(np.diagonal(values) if values.ndim == 2 else values)
        return part_K if active is None else part_K & to_float64(active).astype(bool)
    part_K = xp.isfinite(detached(losses))
    if active is not None:
        part_K = part_K & xp.asarray(active, dtype=xp.bool, device=weights_K.device)
    return part_K
