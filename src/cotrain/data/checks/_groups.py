"""Columns that say which rows belong to one person or thing, of which a split tears some apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from cotrain.data.checks._base import Labels, Problem

#: What is measured or asked several times, and what is called an identifier.
_NAMES = re.compile(
    r"((anon\w*|de_?id\w*|unique)[ _.-]?)?(patient|subject|person|participant|respondent|individual|customer|"
    r"client|user|member|account|student|pupil|learner|teacher|household|family|speaker|session|encounter|"
    r"admission|animal|mouse|donor|specimen|slide|device|machine|vehicle|company|group)s?"
    r"([ _.-]?(id|uid|nr|no|num|number|code|key|identifier|name))?|(\w+[ _.-])?(uid|id|identifier)",
    re.IGNORECASE,
)
#: Where words meet in patientId, patientID and IDNumber.
_SEAMS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Fewest values of such a column, and rows for each of them on average.
FEWEST, REPEATED = 10, 1.5
#: Share of the values held out that training has too, from which figures speak of known ones.
MANY = 0.2
#: How alike rows of one value must be, and how surely.
ALIKE, SURE = 0.05, 1e-3
#: The commonest classes of a target that are looked at.
CLASSES = 10


def check_groups(
    frame: pl.DataFrame, labels: Sequence[Labels], parts: Mapping[str, np.ndarray]
) -> list[Problem]:
    """Return a warning per column that names persons or things whose rows are alike and in several parts.

    Such rows are no fresh ones: figures on them say how well known persons are predicted, and intervals that
    count them one by one are too narrow. A column is judged if it is called as identifiers are, has ten
    values or more that repeat, and a fifth of those held out stand in training too; and it is told if the
    labels of one value resemble each other, by the intra-class correlation of a one-way analysis of variance
    (Shrout and Fleiss, "Intraclass Correlations", 1979, https://doi.org/10.1037/0033-2909.86.2.420).

    Args:
        frame: the table.
        labels: of the tasks.
        parts: from `split_rows`.

    Example:
        >>> from cotrain.data.checks import read_labels
        >>> from cotrain.tasks import Regression
        >>> visits = [i // 4 for i in range(80)]
        >>> frame = pl.DataFrame({"patient": visits, "y": [i % 5 for i in visits]})
        >>> parts = {"train": np.arange(0, 80, 2), "test": np.arange(1, 80, 2)}
        >>> check_groups(frame, read_labels(frame, [Regression("y")])[0], parts)[0].subject
        'patient'
    """
    targets = {column for label in labels for column in label.task.columns}
    held = np.concatenate([parts[part] for part in ("validation", "test") if part in parts] or [[]])
    problems = []
    for name in group_columns(frame, targets):
        groups = frame[name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        known, others = (np.setdiff1d(groups[rows.astype(int)], [0]) for rows in (parts["train"], held))
        shared = len(np.intersect1d(known, others))
        if not shared or shared < MANY * len(others):
            continue
        found = [(one, *of) for one in labels if (of := _most_alike(one, groups)) is not None]
        alike = [(icc, one.task.name) for one, icc, p_value in found if icc >= ALIKE and p_value < SURE]
        if alike:
            icc, task = max(alike)
            sentence = (
                f"{shared:,} of the {len(others):,} values of {name!r} that are held out stand in training "
                f"too, and rows of one are alike (intra-class correlation {icc:.2f} for {task!r}): figures "
                "tell of known ones, and their intervals are too narrow. If new ones are to be predicted, "
                f"write split: {{group: {name}}}."
            )
            values = {"shared": shared, "held_out": len(others), "intraclass_correlation": icc}
            problems.append(Problem("warning", "groups", name, sentence, values))
    return problems


def group_columns(frame: pl.DataFrame, targets: Collection[str]) -> list[str]:
    """Return the columns that are called as identifiers are and whose values repeat, other than targets.

    Example:
        >>> group_columns(pl.DataFrame({"patientId": [i // 4 for i in range(80)], "y": range(80)}), ["y"])
        ['patientId']
    """
    called = [name for name in frame.columns if _NAMES.fullmatch(_SEAMS.sub("_", name))]
    return [name for name in called if name not in targets and _names_things(frame[name])]


def _names_things(column: pl.Series) -> bool:
    """Whether a column has whole numbers or words, enough of them, that repeat."""
    if not (column.dtype.is_integer() or column.dtype == pl.String):
        return False
    values = column.drop_nulls()
    n_values = values.n_unique()
    return n_values >= FEWEST and len(values) >= REPEATED * n_values


def _most_alike(label: Labels, groups: np.ndarray) -> tuple[float, float] | None:
    """Return the largest correlation of any number or class of a label, and its p-value for so many."""
    if label.has_entries:
        return None
    found = [intraclass_correlation(values, groups[rows]) for rows, values in _numbers(label, groups)]
    icc, p_value = max((one for one in found if not np.isnan(one[0])), default=(0.0, 1.0))
    return icc, min(1.0, p_value * len(found))


def _numbers(label: Labels, groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which rows have a label and a group, and its numbers there, or which are of a common class."""
    for targets, mask in zip(label.targets.T, label.mask.T, strict=True):
        rows = np.flatnonzero(mask & (groups > 0))
        if not label.is_classes:
            yield rows, targets[rows]
            continue
        counts = np.bincount(targets[rows].astype(int))
        for common in np.argsort(-counts, kind="stable")[:CLASSES]:
            yield rows, (targets[rows] == common).astype(float)


def intraclass_correlation(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the intra-class correlation of numbers in groups, and the p-value of F; NaN where there is none.

        ICC(1) = (B - W) / (B + (k₀ - 1) W),     k₀ = (N - Σ nᵢ² / N) / (G - 1),

    B and W being the mean squares between and within the G groups of nᵢ numbers each.

    Args:
        values: [N] numbers.
        groups: [N] whole numbers.

    Example:
        >>> intraclass_correlation(np.array([1.0, 1.0, 2.0, 2.0]), np.array([0, 0, 1, 1]))
        (1.0, 0.0)
    """
    from scipy.special import fdtrc

    _, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n_groups, n_rows = len(sizes), len(values)
    if n_groups < 2 or n_rows <= n_groups or np.ptp(values) == 0:
        return float("nan"), float("nan")
    means = np.bincount(numbers, values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (n_groups - 1)
    within = float(((values - means[numbers]) ** 2).sum()) / (n_rows - n_groups)
    if within == 0:
        return 1.0, 0.0
    k = (n_rows - float((sizes.astype(float) ** 2).sum()) / n_rows) / (n_groups - 1)
    p_value = float(fdtrc(n_groups - 1, n_rows - n_groups, between / within))
    return (between - within) / (between + (k - 1) * within), p_value
