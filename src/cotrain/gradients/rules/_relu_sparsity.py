"""Products of many tasks' gradients with a matrix, where a ReLU has left out units.

The K gradients of a row share the zeros of its ReLU, about half of the units, but no two rows have the same
ones. With many tasks a row alone is work enough for a product of its own, with those rows of the matrix that
it needs.

Shapes: K tasks, R rows, I inputs and O outputs of a layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: With fewer tasks picking rows of the matrix costs what the smaller product saves.
_MANY_TASKS = 24
#: What it costs to pick a number of the matrix and to use it for few tasks, in multiplications.
_PICKED = 20
#: What the calls for a row cost, in multiplications.
_CALLED = 1_200_000
#: The product must be cheaper by so much.
_MARGIN = 0.9


def active_units(result_RO: Tensor, n_tasks: int, matrix_OI: Tensor) -> Tensor | None:
    """Return which units of which row hand gradient on, or `None` where one product with all is cheaper.

    It is for the host: elsewhere one would have to wait for the numbers of units.

    Args:
        result_RO: what the ReLU gave.
        n_tasks: K.
        matrix_OI: what the gradients are multiplied by.
    """
    if n_tasks < _MANY_TASKS or result_RO.device.type != "cpu" or not matrix_OI.is_contiguous():
        return None
    # NaN hands gradient on, as it does in the ReLU's own backward step.
    active_RO = ~(result_RO <= 0)
    share = int(active_RO.sum()) / active_RO.numel()
    picked = share * (n_tasks + _PICKED) * matrix_OI.numel() + _CALLED
    return active_RO if picked < _MARGIN * n_tasks * matrix_OI.numel() else None


def multiply_active(grads_KRO: Tensor, matrix_OI: Tensor, active_RO: Tensor, into_KRI: Tensor) -> None:
    """Write the K gradients times the matrix, row by row, each with its active units only."""
    for row, active_O in enumerate(active_RO):
        units = active_O.nonzero()[:, 0]
        grads = grads_KRO[:, row].index_select(1, units)
        torch.mm(grads, matrix_OI.index_select(0, units), out=into_KRI[:, row])
