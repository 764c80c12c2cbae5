"""What the tasks' gradients do to each other, every now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain._base import InvalidArgumentError


class Monitor:
    """Record, at every n-th step, how the tasks' gradients on the shared parameters relate.

    A step that is recorded computes the whole Gramian G even for a method that looks at losses only, so it
    costs as much as a step of a gradient method; with `every=100` that is a few per cent over all.

    A record is a dict of plain numbers and lists, NaN where a task was absent:

    - `step`, `tasks`, `losses`, `weights`;
    - `norms`: ‖gₖ‖;
    - `cosines`: K×K, cos(gᵢ, gⱼ);
    - `conflict`: the share of pairs with a negative cosine;
    - `affinity`: K×K, Gᵢⱼ / Lⱼ: by which share a small step along task i's gradient, at learning rate 1,
      lowers task j's loss (first order; positive = i helps j);
    - `update`: ‖Σ wₖgₖ‖, and `update_of_sum`: ‖Σ gₖ‖, because one learning rate means a different step
      length for every method.

    Args:
        every: steps between two records, ≥ 1.
        keep: number of latest records to keep in `records`, ≥ 1.

    Raises:
        InvalidArgumentError: if `every` or `keep` is below 1.

    Example:
        >>> import numpy as np
        >>> monitor = Monitor()
        >>> gramian_KK = np.array([[1.0, -1.0], [-1.0, 4.0]])
        >>> monitor.record(0, ["a", "b"], losses_K=np.ones(2), weights_K=np.ones(2), gramian_KK=gramian_KK)
        >>> monitor.records[0]["norms"], monitor.records[0]["conflict"]
        ([1.0, 2.0], 1.0)
    """

    def __init__(self, every: int = 100, keep: int = 1000) -> None:
        for what, value in (("every", every), ("keep", keep)):
            if value < 1:
                raise InvalidArgumentError(f"Monitor({what}=...) must be at least 1, got {value!r}.")
        self.every = every
        self.keep = keep
        self.records: list[dict[str, Any]] = []

    def due(self, step: int) -> bool:
        """Return whether this step is to be recorded."""
        return step % self.every == 0

    def record(
        self,
        step: int,
        tasks: Sequence[str],
        *,
        losses_K: np.ndarray,
        weights_K: np.ndarray,
        gramian_KK: np.ndarray,
    ) -> None:
        """Add a record; rows and columns of absent tasks are NaN in `gramian_KK`."""
        norms_K = np.sqrt(np.diagonal(gramian_KK))
        with np.errstate(divide="ignore", invalid="ignore"):
            cosines_KK = np.clip(gramian_KK / np.outer(norms_K, norms_K), -1.0, 1.0)
            affinity_KK = gramian_KK / losses_K[None, :]
        pairs = cosines_KK[np.triu_indices(len(norms_K), 1)]
        pairs = pairs[np.isfinite(pairs)]
        live = np.isfinite(norms_K)
        gramian_AA, weights_A = gramian_KK[np.ix_(live, live)], weights_K[live]
        self.records.append(
            {
                "step": step,
                "tasks": list(tasks),
                "losses": losses_K.tolist(),
                "weights": weights_K.tolist(),
                "norms": norms_K.tolist(),
                "cosines": cosines_KK.tolist(),
                "conflict": float((pairs < 0).mean()) if pairs.size else 0.0,
                "affinity": affinity_KK.tolist(),
                "update": float(np.sqrt(max(weights_A @ gramian_AA @ weights_A, 0.0))),
                "update_of_sum": float(np.sqrt(max(gramian_AA.sum(), 0.0))),
            }
        )
        del self.records[: -self.keep]

    def take(self) -> list[dict[str, Any]]:
        """Return the records and forget them, for a history that is written elsewhere."""
        records, self.records = self.records, []
        return records
