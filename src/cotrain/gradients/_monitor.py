"""What the tasks' gradients do to each other, every now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cotrain._base import InvalidArgumentError, check_number, require_extra

if TYPE_CHECKING:
    import polars as pl

#: Columns of `Monitor.to_frame` beside the step and the task.
_FIGURES = ("loss", "weight", "norm", "cosine", "conflict", "update", "update_of_sum")


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
        check_number(self, 1, every=every, keep=keep)
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

    def to_frame(self) -> pl.DataFrame:
        """Return the records as a table, a row per recorded step and task.

        Returns:
            columns `step`, `task`, `loss`, `weight`, `norm` (of the gradient), `cosine` (mean over the other
            tasks of the step), `conflict` (of the step), `update` and `update_of_sum` (of the step); NaN
            where a task was absent.

        Example:
            >>> monitor = Monitor()
            >>> gramian_KK = np.array([[1.0, -1.0], [-1.0, 4.0]])
            >>> monitor.record(
            ...     0, ["a", "b"], losses_K=np.ones(2), weights_K=np.ones(2), gramian_KK=gramian_KK
            ... )
            >>> monitor.to_frame().select("step", "task", "norm", "cosine").rows()
            [(0, 'a', 1.0, -0.5), (0, 'b', 2.0, -0.5)]
        """
        import polars as pl  # not needed to balance, so that balancing does not wait for it

        rows = [
            (record["step"], task, *of_task, record["conflict"], record["update"], record["update_of_sum"])
            for record in self.records
            for task, *of_task in zip(
                record["tasks"],
                record["losses"],
                record["weights"],
                record["norms"],
                _mean_cosines(record["cosines"]),
                strict=True,
            )
        ]
        schema = {"step": pl.Int64, "task": pl.String, **dict.fromkeys(_FIGURES, pl.Float64)}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def plot(self) -> Any:
        """Draw losses, weights, gradient norms and mean cosines of the tasks over the recorded steps.

        Returns:
            a `matplotlib.figure.Figure`: `figure.savefig("tasks.png")`. No global figure is opened.

        Raises:
            InvalidArgumentError: nothing has been recorded.
            MissingExtraError: without the extra `report`.

        Example:
            >>> monitor = Monitor()
            >>> gramian_KK = np.array([[1.0, -1.0], [-1.0, 4.0]])
            >>> monitor.record(
            ...     0, ["a", "b"], losses_K=np.ones(2), weights_K=np.ones(2), gramian_KK=gramian_KK
            ... )
            >>> len(monitor.plot().axes)
            4
        """
        if not self.records:
            raise InvalidArgumentError("Monitor.plot(): nothing has been recorded yet; make a step first.")
        figure = require_extra("matplotlib.figure", "report", "Monitor.plot").Figure(
            figsize=(9, 6), layout="constrained"
        )
        frame = self.to_frame()
        titles = {"loss": "loss", "weight": "weight", "norm": "gradient norm", "cosine": "mean cosine"}
        for axes, (column, title) in zip(
            figure.subplots(2, 2, sharex=True).flat, titles.items(), strict=True
        ):
            for task, rows in frame.group_by("task", maintain_order=True):
                axes.plot(rows["step"], rows[column], marker=".", label=str(task[0]))
            axes.set_title(title)
            if column != "cosine" and (frame[column].fill_nan(None).drop_nulls() > 0).all():
                axes.set_yscale("log")
            if column == "cosine":
                axes.axhline(0.0, color="grey", linewidth=0.8)
        for axes in figure.axes[2:]:
            axes.set_xlabel("step")
        figure.axes[0].legend()
        return figure

    def take(self) -> list[dict[str, Any]]:
        """Return the records and forget them, for a history that is written elsewhere."""
        records, self.records = self.records, []
        return records


def _mean_cosines(cosines: Sequence[Sequence[float]]) -> list[float]:
    """Return each task's mean cosine with the others that were there; NaN where there was none."""
    means = []
    for k, row in enumerate(cosines):
        others = [value for j, value in enumerate(row) if j != k and np.isfinite(value)]
        means.append(float(np.mean(others)) if others else float("nan"))
    return means
