"""A figure of merit, taken apart into a small record of every row and the value of many records."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from cotrain._base import InvalidArgumentError, did_you_mean

#: How much each row counts, [N]; `None`: all alike.
Weights: TypeAlias = np.ndarray | None


@dataclass(frozen=True)
class Metric:
    """A figure of merit of a task.

    It comes in two steps, so that rows can arrive in batches, be resampled and be divided into groups while
    only a few numbers of each are kept:

        value(record(scores, targets, mask)),

    where the records of joined rows are the joined records of the rows.

    Args:
        name: the field's name for it, e.g. "auroc".
        direction: whether a larger or a smaller value is better.
        record: (scores, targets, mask) -> records [B, R], a row of R numbers for each of B rows. `scores` are
            what `Task.scores` gives, as NumPy float64, [B, ...]; `targets` [B, T] are what `Task.original`
            gives; `mask` [B, T] bool. What is not labelled is NaN in a record. Metrics that share this
            function share its result.
        value: records [N, R] -> value. Gives NaN where the figure is not defined (one class only, no label).
            One that takes a second argument `weights`, [N] or `None`, heeds how much rows count.
        parts: (records, P), and `weights` where `value` takes it -> the same figure of each part alone, [P]
            in the order of `Task.parts` (columns, labels or classes); `None` where the figure does not come
            apart.
        counts_hits: whether it counts what is right: a small change of the outputs changes nothing, or jumps,
            so that it tells networks apart less well than their losses do.
        perfect: the value of a perfect prediction; `None`: 1 for "max" and 0 for "min".
        by_chance: records, and weights as for `value`, -> the value that a model would have by chance alone
            if it were as good as can be, for figures such as the calibration error, which is not 0 then;
            `None`: there is nothing to say.
        describes: whether it only describes predictions, as the width of an interval does, which may be as
            good as one likes while the whole is bad: it is shown, but never the first of a task's metrics,
            by which weights are kept and words are said, and no part of delta_m per metric.

    Example:
        >>> from cotrain.tasks import Regression
        >>> mae = next(metric for metric in Regression.available_metrics() if metric.name == "mae")
        >>> said, true = np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])
        >>> mae.direction, mae.compute(said, true, np.ones((2, 1), bool))
        ('min', 1.0)
        >>> records = mae.record(said, true, np.ones((2, 1), bool))
        >>> mae.value(records[[1, 1]])
        2.0
    """

    name: str
    direction: Literal["max", "min"]
    record: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    value: Callable[..., float]
    parts: Callable[..., np.ndarray] | None = None
    counts_hits: bool = False
    perfect: float | None = None
    by_chance: Callable[..., float] | None = None
    describes: bool = False

    @property
    def best(self) -> float:
        """The value of a perfect prediction: 1 where larger is better, 0 where smaller is, or as said."""
        if self.perfect is not None:
            return self.perfect
        return 1.0 if self.direction == "max" else 0.0

    @cached_property
    def heeds_weights(self) -> bool:
        """Whether its value can be one of rows that count for different amounts."""
        return "weights" in inspect.signature(self.value).parameters

    def compute(self, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
        """Return the value on these rows; see `record` for what is given; the mask may be weights ≥ 0."""
        known, weights = known_and_weights(mask)
        return self.value_of(self.record(scores, targets, known), weights)

    def value_of(self, records: np.ndarray, weights: Weights) -> float:
        """Return the value of records [N, R] with weights [N]; `None`: all rows count alike."""
        return self.value(records) if weights is None else self.value(records, weights)

    def chance_of(self, records: np.ndarray, weights: Weights) -> float | None:
        """Return what chance alone makes of the figure, see `by_chance`; `None`: there is nothing to say."""
        if self.by_chance is None:
            return None
        return self.by_chance(records) if weights is None else self.by_chance(records, weights)

    def parts_of(self, records: np.ndarray, n_parts: int, weights: Weights) -> np.ndarray:
        """Return the figure of each part, [P]; for a metric that comes apart."""
        assert self.parts is not None
        return self.parts(records, n_parts) if weights is None else self.parts(records, n_parts, weights)


def require_heeding(task: str, metrics: Sequence[Metric], column: str) -> None:
    """Raise `InvalidArgumentError` if a metric cannot be one of rows that count for different amounts."""
    for metric in metrics:
        if not metric.heeds_weights:
            raise InvalidArgumentError(
                f"Task {task!r}: metric {metric.name!r} cannot heed sample_weight {column!r}: let its value "
                "take weights as a second argument, choose other metrics, or leave sample_weight out."
            )


def known_and_weights(mask: np.ndarray) -> tuple[np.ndarray, Weights]:
    """Return where labels are, bool, and how much each row counts, [N]; `None` if the mask is bool itself.

    Example:
        >>> known_and_weights(np.array([[0.5, 0.0], [0.0, 0.0]]))[1].tolist()
        [0.5, 0.0]
    """
    if mask.dtype == bool:
        return mask, None
    return mask > 0, mask.reshape(len(mask), -1).max(axis=1, initial=0.0).astype(np.float64)


def weighed(records: np.ndarray, weights: Weights) -> np.ndarray:
    """Return records of sums as those of rows that count for different amounts."""
    return records if weights is None else records * weights[:, None]


def mean_of_sums(
    above: int, below: int, *, unit: float = 1.0, root: bool = False
) -> Callable[[np.ndarray, Weights], float]:
    """Return the figure that is the quotient of two sums over the records, NaN where there is nothing.

    Args:
        above: place in a record of what is added up.
        below: place of what it is divided by.
        unit: factor on it.
        root: whether the root is taken.

    Example:
        >>> mean_of_sums(1, 0)(np.array([[2.0, 3.0], [np.nan, np.nan]]), None)
        1.5
    """

    def value(records: np.ndarray, weights: Weights = None) -> float:
        total = np.nansum(weighed(records, weights), axis=0)
        mean = float(unit * total[above] / total[below]) if total[below] > 0 else float("nan")
        return mean**0.5 if root else mean

    return value


def require_metrics(task: str, kind: str, chosen: Sequence[str], known: Sequence[Metric]) -> None:
    """Raise `InvalidArgumentError` if a task of this kind has no metric of a chosen name."""
    names = [metric.name for metric in known]
    for metric in chosen:
        if metric not in names:
            raise InvalidArgumentError(
                f"Task {task!r} ({kind}) has no metric {metric!r}: {did_you_mean(metric, names)}"
            )
