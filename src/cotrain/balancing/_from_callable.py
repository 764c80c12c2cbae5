"""Any function from a Gramian to weights as a balancing method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.balancing._gramian_rule import GramianRule


def from_callable(
    function: Callable[[np.ndarray], np.ndarray], *, preference: Sequence[float] | None = None
) -> GramianRule:
    """Make a balancer of a function from an A×A Gramian to A weights.

    The function gets the Gramian of the active tasks in float64, symmetric, with mean diagonal 1; absent
    and broken tasks, zero gradients and the preference (which multiplies the weights) are taken care of.

    Args:
        function: from an A×A to an (A,) array. It must not depend on the order or number of calls: what it
            remembers is not part of the balancer's state.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: at the first step, if the function returns another shape.

    Example:
        >>> import numpy as np
        >>> inverse_norms = from_callable(lambda gramian: 1 / np.sqrt(np.diagonal(gramian)))
        >>> weights = inverse_norms.weights(np.ones(2), np.array([[4.0, 0.0], [0.0, 1.0]]))
        >>> float(weights[1] / weights[0])
        2.0
    """
    return _FromCallable(function, preference=preference)


class _FromCallable(GramianRule):
    def __init__(
        self, function: Callable[[np.ndarray], np.ndarray], *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        self.function = function

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        weights_A = np.asarray(self.function(gramian_AA.copy()), dtype=np.float64)
        if weights_A.shape != losses_A.shape:
            raise InvalidArgumentError(
                f"The function given to from_callable returned weights of shape {weights_A.shape} for a "
                f"Gramian of {gramian_AA.shape}: expected ({losses_A.size},)."
            )
        return weights_A * preference_A
