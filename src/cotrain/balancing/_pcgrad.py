"""Gradient surgery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import numpy_generator
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._random_task_orders import random_orders


class PCGrad(GramianRule):
    """Each gradient with its conflicts projected away, then the sum: w = Σᵢ Cᵢ.

    Row Cᵢ starts as task i alone and visits the other tasks j in a fresh random order; where the gradient
    so far conflicts, (CᵢG)ⱼ < 0, its part along gⱼ is taken off: Cᵢⱼ ← Cᵢⱼ − (CᵢG)ⱼ/Gⱼⱼ. Only the Gramian
    enters, so no gradient is ever copied. Cost: the Gramian, and K − 1 rounds on K×K numbers. Needs:
    `GRAMIAN`.

    It fails to be free of conflict for more than two tasks: a later projection may undo an earlier one
    (`UPGrad` mends that). A task of much longer gradients still decides the sum.

    A preference p multiplies the gradients that are projected and summed: row i starts as pᵢ.

    Args:
        seed: names the stream of random orders; the order is a pure function of (seed, step).
        preference: see `Balancer`.

    Example:
        >>> import numpy as np
        >>> PCGrad().weights(np.ones(2), np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
        [1.25, 2.0]

    Source: Yu et al., "Gradient Surgery for Multi-Task Learning", 2020, https://arxiv.org/abs/2001.06782.
    Nothing differs: projections are against the original gradients of the other tasks only.
    """

    def __init__(self, seed: int = 0, *, preference: Sequence[float] | None = None) -> None:
        super().__init__(preference=preference)
        self.seed = seed
        self.state["step"] = 0

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        n_tasks = losses_A.size
        step = self.state["step"]
        self.state["step"] = step + 1
        orders_AO = random_orders(n_tasks, lambda: numpy_generator(self.seed, "pcgrad", step))
        orders_OA = orders_AO.T
        squared_norms_A = gramian_AA.diagonal()
        if n_tasks == 1 or gramian_AA.min() >= 0:  # no conflict, and none can arise
            return preference_A
        products_AA = preference_A[:, None] * gramian_AA  # ⟨projected gradient i, gradient j⟩
        steps_AA = gramian_AA / squared_norms_A[:, None]
        places_OA = orders_OA + np.arange(0, n_tasks * n_tasks, n_tasks)
        overlaps_OA = np.empty(orders_OA.shape)
        for others_A, places_A, overlap_A in zip(orders_OA, places_OA, overlaps_OA, strict=True):
            np.minimum(products_AA.take(places_A), 0.0, out=overlap_A)
            products_AA -= overlap_A[:, None] * steps_AA.take(others_A, axis=0)
        removed_A = np.bincount(orders_OA.ravel(), overlaps_OA.ravel(), n_tasks)
        return preference_A - removed_A / squared_norms_A
