"""Whether a method heeds the scale of a loss, found out by trying."""

from __future__ import annotations

import copy

import numpy as np

from cotrain._base import CotrainError, numpy_generator
from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._jacobian_rule import JacobianRule

#: Methods that compare with the first loss, or with that of the step before, show it in the second step.
_STEPS = 3
#: Least angle between two updates, as 1 − cosine, that no rounding makes.
_DIFFERENT = 1e-9


def heeds_scale(balancer: Balancer, n_tasks: int) -> bool:
    """Return whether a factor on one task's loss changes the direction of the update of what is shared.

    Many methods undo such a factor, because they divide by the loss or by the length of its gradient: a
    task's `weight` does nothing under them, its `preference` does. A copy of the method is asked for a few
    steps with made-up gradients, twice, the second time with the first task's loss three times as large.

    Args:
        balancer: as it was made; it is not changed.
        n_tasks: K ≥ 2.

    Example:
        >>> from cotrain.balancing import Equal, UnitNorm
        >>> heeds_scale(Equal(), 2), heeds_scale(UnitNorm(), 2)
        (True, False)
    """
    try:
        plain, scaled = (_updates(copy.deepcopy(balancer), n_tasks, factor) for factor in (1.0, 3.0))
    except (CotrainError, ArithmeticError, ValueError):
        return True  # a method that cannot be tried is not accused
    cosines = np.sum(plain * scaled, axis=1) / np.maximum(
        np.linalg.norm(plain, axis=1) * np.linalg.norm(scaled, axis=1), 1e-300
    )
    return bool(np.any(1 - cosines > _DIFFERENT))


def _updates(balancer: Balancer, n_tasks: int, factor: float) -> np.ndarray:
    """Return the updates of a few steps, [steps, P]."""
    generator = numpy_generator(0, "loss scale")
    scale_K = np.ones(n_tasks)
    scale_K[0] = factor
    balancer.start(n_tasks, reference_losses=[1.0] * n_tasks, preference=[1.0] * n_tasks)
    updates = []
    for _ in range(_STEPS):
        losses_K = scale_K * generator.uniform(0.5, 1.5, n_tasks)
        jacobian_KP = scale_K[:, None] * generator.normal(1.0, 1.0, (n_tasks, n_tasks + 3))
        other_KP = scale_K[:, None] * generator.normal(1.0, 1.0, (n_tasks, n_tasks + 3))
        if isinstance(balancer, JacobianRule):
            updates.append(balancer.combine(jacobian_KP, losses_K))
            continue
        second = other_KP if balancer.needs is Needs.CROSS else jacobian_KP
        gramian_KK = None if balancer.needs is Needs.LOSSES else jacobian_KP @ second.T
        updates.append(np.asarray(balancer.weights(losses_K, gramian_KK)) @ jacobian_KP)
    return np.stack(updates)
