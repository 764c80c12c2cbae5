"""An interval for delta_m: rows and seeds of all tasks at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.evaluation._paired_bootstrap import Difference, chance_of
from cotrain.evaluation._resampling_units import draw_rows, leave_out_rows, resampling_units, unit_of
from cotrain.tasks import Metric
from cotrain.tasks._entries import rows_with_label
from cotrain.tasks._metric import known_and_weights


@final
@dataclass(frozen=True)
class TaskScores:
    """The scores of two ways of training on one task.

    Args:
        metric: what they are compared by.
        joint: S arrays [N, ...] in the unit of `Task.scores`, one per seed.
        alone: S arrays for the same seeds.
        targets: [N, T] as `Task.original` gives them.
        mask: [N, T] bool, True where labelled, or weights ≥ 0 of the rows.

    Example:
        >>> from cotrain.tasks import Regression
        >>> y = np.zeros((3, 1))
        >>> TaskScores(Regression("y").chosen_metrics()[0], [y], [y + 1], y, y == 0).values(np.arange(3))
        array([[-0.], [-1.]])
    """

    metric: Metric
    joint: Sequence[np.ndarray]
    alone: Sequence[np.ndarray]
    targets: np.ndarray
    mask: np.ndarray

    @cached_property
    def records(self) -> list[list[np.ndarray]]:
        """The metric's records of the rows, for both sides and all seeds."""
        sides = (self.joint, self.alone)
        known, _ = known_and_weights(self.mask)
        return [[self.metric.record(one, self.targets, known) for one in side] for side in sides]

    @cached_property
    def weights(self) -> np.ndarray | None:
        """How much each row counts, [N]; `None`: all alike."""
        return known_and_weights(self.mask)[1]

    def values(self, rows: np.ndarray) -> np.ndarray:
        """Return [2, S]: the metric of both sides on some rows, larger = better."""
        sign = 1.0 if self.metric.direction == "max" else -1.0
        of_rows = None if self.weights is None else self.weights[rows]
        return sign * np.array(
            [[self.metric.value_of(one[rows], of_rows) for one in side] for side in self.records]
        )

    def has_scale(self) -> bool:
        """Whether the single-task models have something to be relative to: their mean figure is not 0."""
        rows = np.flatnonzero(rows_with_label(self.mask))
        return not len(rows) or bool(self.values(rows)[1].mean() != 0)


def delta_m_difference(
    tasks: Mapping[str, TaskScores],
    *,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
    level: float = 0.95,
    n_resamples: int = 400,
    seed: int = 0,
) -> Difference:
    """Return delta_m of a joint model over single-task models, with an interval over seeds and rows.

        Δₘ = mean over tasks k of  (v̄_k - s̄_k) / |s̄_k|,     v̄, s̄: means over the seeds,

    as `delta_m` computes it. The rows of all tasks are resampled together, so that what tasks have in common
    on a row is in the interval, and so is the chance in the s̄ that is divided by. The seeds of the K single
    networks are independent of each other and of the joint network's, whose tasks are not independent of one
    another; so the variance over seeds is the sum of K + 1 parts,

        V_seeds = var_s(mean_k v_ks / |s̄_k|) / S + Σ_k var_s(s_ks / |s̄_k|) / (K² S),

    with the degrees of freedom of Welch and Satterthwaite, between S - 1 and (K + 1)(S - 1). Averages over
    tasks spread less, and K lone networks say more of their spread than one: delta_m sees what no task does.

    A common variance for all tasks is not assumed. Pooled or shrunken to a common value (limma's way), three
    seeds gave false words for 7 to 21 % of the tasks whose spread was three or four times that of the
    others; this way they stay at 5 %.

    Args:
        tasks: task -> its scores; all with the same rows and seeds.
        groups: see `paired_bootstrap`.
        times: see `paired_bootstrap`.
        level: of the interval, in (0, 1).
        n_resamples: ≥ 50. A task whose metric is undefined in a resample has its mean over the others there.
        seed: of the resampling.

    Returns:
        A fraction (0.01 = 1 %), positive = joint is better. As in `delta_m`, a task with s̄ = 0 is left out;
        NaN if none is left, or if another cannot be compared.

    Raises:
        InvalidArgumentError: there is no task, or the numbers of seeds differ.

    Example:
        >>> from cotrain.tasks import Regression
        >>> rng, y = np.random.default_rng(0), np.zeros((200, 1))
        >>> seeds = [[y + size * rng.normal(size=y.shape) for _ in range(3)] for size in (0.8, 1.0)]
        >>> rmse = Regression("y").chosen_metrics()[0]
        >>> found = delta_m_difference({"y": TaskScores(rmse, *seeds, y, np.ones((200, 1), bool))})
        >>> round(found.value, 1), found.low > 0
        (0.2, True)
    """
    n_seeds = {len(side) for one in tasks.values() for side in (one.joint, one.alone)}
    if len(n_seeds) != 1:
        raise InvalidArgumentError(
            f"delta_m_difference: {len(tasks)} tasks with {sorted(n_seeds)} seeds, expected one or more "
            "tasks with the same seeds."
        )
    (S,) = n_seeds
    tasks = {name: one for name, one in tasks.items() if one.has_scale()} or tasks
    labelled = np.flatnonzero(np.any([rows_with_label(one.mask) for one in tasks.values()], axis=0))
    unit, rng = unit_of(groups, times), numpy_generator(seed, "delta_m")

    def values(rows: np.ndarray) -> np.ndarray:
        return np.stack([one.values(rows) for one in tasks.values()])

    nothing = Difference(math.nan, math.nan, math.nan, math.nan, level, S, len(labelled), unit)
    if not len(labelled):
        return nothing
    units = resampling_units(labelled, groups, times)
    parts = _parts(values(labelled)[None])
    resampled = np.stack([values(draw_rows(labelled, units, rng)) for _ in range(n_resamples)])
    value, n_units = float((parts[0, 0] - parts[0, 1:].sum(axis=0)).mean()), int(units.max()) + 1
    if math.isnan(value) or n_units < 2 or np.isnan(resampled).mean(axis=0).max() > 0.5:
        return nothing
    missing = np.isnan(resampled)
    resampled = np.where(missing, np.nanmean(resampled, axis=0), resampled)
    left_out = np.stack([values(rows) for rows in leave_out_rows(labelled, units, rng)])
    chance = chance_of(parts[0], _parts(resampled), _parts(left_out), n_units, paired_seeds=False)
    half, p_value = chance.half_width(1 - level, value), chance.p_value(value)
    return Difference(value, value - half, value + half, p_value, level, S, len(labelled), unit, chance)


def _parts(values: np.ndarray) -> np.ndarray:
    """Return [R, 1 + K, S] from values [R, K, 2, S]: the joint part of delta_m, and that of each lone
    network.
    """
    scale = np.abs(values[:, :, 1].mean(axis=-1, keepdims=True))
    relative = values / np.where(scale == 0, np.nan, scale)[:, :, None] / values.shape[1]
    return np.concatenate([relative[:, :, 0].sum(axis=1, keepdims=True), relative[:, :, 1]], axis=1)
