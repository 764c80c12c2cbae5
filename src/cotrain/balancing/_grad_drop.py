"""Gradient sign dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain._base import check_number, mix_seed
from cotrain.balancing._arrays import Array
from cotrain.balancing._jacobian_rule import JacobianRule

BITS = 0x7FFFFFFF


class GradDrop(JacobianRule):
    """For every parameter one sign is drawn, and only the gradients of that sign go through.

    The chance of the positive sign is P = ½(1 + Σₖgₖ / Σₖ|gₖ|); with U uniform on [0, 1] the positive entries
    pass where P > U, the negative ones elsewhere. Cost: the Jacobian, and a few passes over it. Needs:
    `JACOBIAN`. It has no weights: every entry is decided by itself.

    It fails when tasks differ in the length of their gradients: the longest decides the signs.

    A preference multiplies the gradients first.

    Args:
        leak: share of the dropped entries that goes through all the same, in [0, 1] (1 = plain sum).
        seed: names the random stream; U is a pure function of (seed, step, place), computed where the
            Jacobian is.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if `leak` is outside of [0, 1].

    Example:
        >>> import numpy as np
        >>> update = GradDrop().combine(np.array([[1.0, 2.0], [3.0, -1.0]]), np.ones(2))
        >>> float(update[0]), float(update[1]) in (2.0, -1.0)  # agreeing signs pass, others are drawn
        (4.0, True)

    Source: Chen et al., "Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout",
    2020, https://arxiv.org/abs/2010.06808. Different here: applied to the gradients of the parameters that
    it is given (the paper: those of a representation, summed over the batch), with one leak for all tasks.
    """

    def __init__(
        self, leak: float = 0.0, seed: int = 0, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, leak=leak)
        self.leak = leak
        self.seed = seed
        self.state["step"] = 0

    def _combine(self, xp: Any, jacobian_KP: Array, losses_K: Array, active_K: Array) -> Array:
        pulls_KP = jacobian_KP * self._preference_K(xp, losses_K, active_K)[:, None]
        total_P = xp.sum(pulls_KP, axis=0)
        size_P = xp.sum(xp.abs(pulls_KP), axis=0)
        purity_P = 0.5 * (1 + total_P / xp.where(size_P > 0, size_P, xp.ones_like(size_P)))
        step = self.state["step"]
        self.state["step"] = step + 1
        positive_P = purity_P > _uniform(xp, total_P, mix_seed(self.seed, "graddrop", step))
        passes_KP = (positive_P[None, :] & (pulls_KP > 0)) | (~positive_P[None, :] & (pulls_KP < 0))
        kept_P = xp.sum(xp.where(passes_KP, pulls_KP, xp.zeros_like(pulls_KP)), axis=0)
        return kept_P + self.leak * (total_P - kept_P)


def _uniform(xp: Any, like_P: Array, seed: int) -> Array:
    """Return P numbers in [0, 1), the same on every device: places mixed with the seed by a hash."""
    places_P = xp.arange(like_P.shape[0], dtype=xp.int64, device=like_P.device)
    # 31-bit words and 31-bit multipliers, so that no product leaves 63 bits
    mixed_P = (places_P ^ (places_P >> 31)) & BITS
    for word, multiplier in ((seed & BITS, 0x045D9F3B), (seed >> 32, 0x2C1B3C6D), (seed >> 16, 0x297A2D39)):
        mixed_P = ((mixed_P ^ (word & BITS)) * multiplier) & BITS
        mixed_P = mixed_P ^ (mixed_P >> 15)
    return xp.astype(mixed_P >> 7, like_P.dtype) / 2**24
