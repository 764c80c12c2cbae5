"""Krum, of the field of robust aggregation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number
from cotrain.balancing._gramian_rule import GramianRule

#: Scores that differ by less than this share are the same: rounding must not choose between copies.
TIE = 1e-9


class Krum(GramianRule):
    """The mean of the gradients that lie nearest to the others (Multi-Krum).

    A gradient's score is the sum of its squared distances to the K − f − 2 nearest others; the m gradients
    with the lowest scores get the weight 1/m, the others 0. So up to f gradients that follow no sense (a
    broken label source, tasks that are aggregated like workers) cannot turn the update. Cost: the Gramian.
    Needs: `GRAMIAN`.

    It fails, as a method for tasks, where a task is alone because it is different and not because it is
    broken: that task is then never learned.

    A preference multiplies the gradients before distances are taken.

    Args:
        n_byzantine: f ≥ 0, gradients that may be arbitrary; the promise of the paper needs K ≥ 2f + 3.
        n_selected: m ≥ 1, or `None` for K − f. With 1 it is Krum itself: one gradient is taken.
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[1.0, 0.0], [0.9, 0.1], [1.0, 0.1], [-50.0, 9.0]])
        >>> Krum(n_byzantine=1).weights(np.ones(4), rows @ rows.T).round(3).tolist()
        [0.333, 0.333, 0.333, 0.0]

    Source: Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", 2017,
    https://arxiv.org/abs/1703.02757. Different here: with fewer than f + 3 tasks one neighbour is counted,
    and tasks of equal score share the places that are left, so that no order decides between them. (TorchJD
    adds up distances, not their squares.)
    """

    def __init__(
        self,
        n_byzantine: int = 1,
        n_selected: int | None = None,
        *,
        preference: Sequence[float] | None = None,
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0, n_byzantine=n_byzantine)
        if n_selected is not None:
            check_number(self, 1, n_selected=n_selected)
        self.n_byzantine = n_byzantine
        self.n_selected = n_selected

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        n_tasks = losses_A.size
        n_selected = n_tasks - self.n_byzantine if self.n_selected is None else self.n_selected
        n_selected = min(max(n_selected, 1), n_tasks)
        scaled_AA = gramian_AA * preference_A[:, None] * preference_A
        squared_A = scaled_AA.diagonal()
        distances_AA = np.maximum(squared_A[:, None] + squared_A - 2 * scaled_AA, 0.0)
        np.fill_diagonal(distances_AA, np.inf)
        n_nearest = min(max(n_tasks - self.n_byzantine - 2, 1), n_tasks - 1)
        scores_A = np.sort(distances_AA, axis=1)[:, :n_nearest].sum(axis=1)
        last = np.sort(scores_A)[n_selected - 1]
        tie = TIE * float(squared_A.max() + last)
        below_A, level_A = scores_A < last - tie, np.abs(scores_A - last) <= tie
        share = (n_selected - below_A.sum()) / level_A.sum()
        return preference_A * (below_A + share * level_A) / n_selected
