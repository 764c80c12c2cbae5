"""The base of the methods that look at losses only."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, final

from cotrain._base import InvalidArgumentError
from cotrain.balancing._arrays import Array, detached, namespace_of, widened
from cotrain.balancing._base import Balancer, Needs

#: How many times larger than before one batch can make the largest loss seen.
LARGEST_GROWTH = 10.0


class LossRule(Balancer):
    """A method that looks at losses only: no extra backward pass and no host synchronisation.

    A subclass implements `_rule` with array-API operations that keep the shape (K,) and never branch on
    a value, so that losses on an accelerator stay there; its state lives on the losses' device too.
    Half-precision losses are computed with in float32.

    Args:
        preference: see `Balancer`; it multiplies the weights unless the method says otherwise.

    Example:
        A method of one's own: each task by its own loss.

        >>> import numpy as np
        >>> class ByLoss(LossRule):
        ...     def _rule(self, xp, losses_K, active_K):
        ...         return losses_K
        >>> ByLoss().weights(np.array([1.0, 3.0])).tolist()
        [1.0, 3.0]
    """

    needs = Needs.LOSSES
    weighs_losses = True
    #: Whether the preference multiplies what `_rule` returns; if not, `_rule` asks for `_preference_K`.
    multiplies_preference: ClassVar[bool] = True

    @final
    def weights(self, losses: Array, gramian: Array | None = None, active: Array | None = None) -> Array:
        """Return the K weights of this step on the losses' own device; see `Balancer.weights`."""
        xp = namespace_of(losses)
        self._check_losses(losses)
        losses_K, active_K = self._prepared(xp, losses, active)
        weights_K = self._rule(xp, losses_K, active_K)
        if self.multiplies_preference and self.preference is not None:
            weights_K = weights_K * self._preference_K(xp, losses_K, active_K)
        return xp.where(active_K, weights_K, xp.zeros_like(weights_K))

    @abstractmethod
    def _rule(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        """Return K weights; `losses_K` is 1 where inactive, and what is returned there is ignored."""

    @final
    def _prepared(self, xp: Any, losses: Array, active: Array | None) -> tuple[Array, Array]:
        """Return the losses, 1 where inactive, and which tasks take part in this step."""
        losses_K = widened(xp, detached(losses))
        active_K = xp.isfinite(losses_K)
        if active is not None:
            active_K = active_K & xp.asarray(active, dtype=xp.bool, device=losses_K.device)
        return xp.where(active_K, losses_K, xp.ones_like(losses_K)), active_K

    @final
    def _recall(self, xp: Any, name: str, like_K: Array, initial: float) -> Array:
        """Return the state `name` as an array beside `like_K`, or K times `initial` before the first step."""
        value = self.state.get(name)
        if value is None:
            return xp.full_like(like_K, initial)
        array = xp.asarray(value, dtype=like_K.dtype, device=like_K.device)
        if array.shape[0] != like_K.shape[0]:
            raise InvalidArgumentError(
                f"{type(self).__name__} has the state of {array.shape[0]} tasks and got {like_K.shape[0]} "
                "losses: make a new one, or pass all tasks and name the absent ones inactive."
            )
        return array

    @final
    def _keep(self, xp: Any, name: str, new_K: Array, old_K: Array, active_K: Array) -> Array:
        """Store the state `name`: the new value where the task is active, the old one elsewhere."""
        self.state[name] = xp.where(active_K, new_K, old_K)
        return self.state[name]

    @final
    def _positive_losses(self, xp: Any, losses_K: Array, active_K: Array) -> Array:
        """Return the losses in a form that a logarithm can be taken of.

        Losses that were never negative stay as they are, down to 1e-8 of the largest seen (which one batch
        raises tenfold at most). A loss that was negative is counted from a running lower bound: its lowest
        value so far less a tenth of its range.
        """
        old_lowest_K = self._recall(xp, "lowest", losses_K, 0.0)
        old_highest_K = self._recall(xp, "highest", losses_K, 0.0)
        lowest_K = self._keep(xp, "lowest", xp.minimum(old_lowest_K, losses_K), old_lowest_K, active_K)
        # it grows tenfold a step at most, so that one broken batch does not set what counts as zero
        cap_K = xp.where(old_highest_K > 0, LARGEST_GROWTH * old_highest_K, xp.abs(losses_K))
        new_highest_K = xp.maximum(old_highest_K, xp.minimum(losses_K, cap_K))
        highest_K = self._keep(xp, "highest", new_highest_K, old_highest_K, active_K)
        bound_K = xp.where(lowest_K < 0, lowest_K - 0.1 * (highest_K - lowest_K), xp.zeros_like(lowest_K))
        above_K = xp.maximum(losses_K - bound_K, 1e-8 * (highest_K - bound_K))
        return xp.where(above_K > 0, above_K, xp.ones_like(above_K))
