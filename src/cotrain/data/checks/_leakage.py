"""Input columns that give a target away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from cotrain._base import numpy_generator
from cotrain.data.checks._base import Labels, Problem
from cotrain.data.checks._codes import column_codes
from cotrain.data.columns._values import text_values

#: Share of the constant's error that one column takes away, from which it is suspected.
SUSPECT = 0.95
#: Rows that a verdict needs at least.
LEAST = 20
#: Share of the rows whose value must be known from other rows. Texts, pictures and identifiers hardly ever
#: come twice, and the few that do say no more than that the table has rows twice: of 13,084 spoken commands
#: 3 % are repeated, with the intent that they had before.
LEAST_SHARE = 0.1


def check_leakage(frame: pl.DataFrame, labels: Sequence[Labels], inputs: Sequence[str]) -> list[Problem]:
    """Return a warning per input column that equals a target or predicts it nearly without error.

    For each pair the best guess per value of the column is learned on one half of the labelled rows and
    judged on the other: r = 1 − error / error of the best constant, with the error rate for classes and
    the squared error of the ranks for numbers, so that a monotone function of the target is found as well.
    A column whose values hardly ever come twice, as texts, gives nothing away by them: nothing is said of it.
    Whole numbers are looked at twice, as a quantity in bins and one by one, as an identifier is.

    Args:
        frame: the table.
        labels: from `read_labels`.
        inputs: names of the input columns.

    Example:
        >>> check_leakage(pl.DataFrame({"x": [1]}), [], ["x"])
        []
    """
    problems = []
    in_first = numpy_generator("leakage").random(frame.height) < 0.5
    codes = {column: _codings(frame[column]) for column in inputs}
    for label in labels:
        if label.has_entries:
            continue  # no column has a value for each entry: those that do are no inputs
        for column in inputs:
            same = _same(frame, column, label)
            if same is not None:
                sentence = (
                    f"Column {column!r} has the same values as target {same!r} of task {label.task.name!r}: "
                    "drop it from the inputs."
                )
                problems.append(Problem("warning", "leakage", column, sentence, {"task": label.task.name}))
                continue
            target, gain = max(
                (_best_gain(label, coded, in_first) for coded in codes[column]), key=lambda found: found[1]
            )
            if gain > SUSPECT:
                sentence = (
                    f"Column {column!r} alone predicts {target!r} of task {label.task.name!r} ({gain:.0%} of "
                    "a constant's error gone): if it is not known before the target is, drop it."
                )
                values = {"task": label.task.name, "target": target, "gain": gain}
                problems.append(Problem("warning", "leakage", column, sentence, values))
    return problems


def _codings(values: pl.Series) -> list[np.ndarray]:
    """Return what a column may tell: of whole numbers the bin, and each by itself, as of an identifier."""
    binned = column_codes(values)
    if not values.dtype.is_integer():
        return [binned]
    each = values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    return [binned] if int(each.max(initial=0)) == int(binned.max(initial=0)) else [binned, each]


def _same(frame: pl.DataFrame, column: str, label: Labels) -> str | None:
    if frame[column].dtype.is_nested() or frame[column].dtype == pl.Object:
        return None
    values = text_values(frame[column])
    for target in label.task.columns:
        if frame[target].dtype.is_nested() or frame[target].dtype == pl.Object:
            continue
        equal = (values == text_values(frame[target])).drop_nulls()
        if len(equal) >= LEAST and equal.mean() == 1.0:
            return target
    return None


def _best_gain(label: Labels, codes: np.ndarray, in_first: np.ndarray) -> tuple[str, float]:
    best = ("", 0.0)
    for place, name in enumerate(label.task.labels):
        labelled = label.mask[:, place]
        target = label.targets[labelled, place]
        measure = _class_gain if label.is_classes else _rank_gain
        gain = measure(codes[labelled], target, in_first[labelled])
        if gain > best[1]:
            best = (name, gain)
    return best


def _class_gain(codes: np.ndarray, target: np.ndarray, first: np.ndarray) -> float:
    classes = np.unique(target, return_inverse=True)[1]
    n_classes, n_codes = int(classes.max(initial=0)) + 1, int(codes.max(initial=0)) + 1
    guess = np.full(n_codes, -1)
    # Only pairs that occur: a table of all would be too large for many codes and classes.
    pairs, counts = np.unique(codes[first] * n_classes + classes[first], return_counts=True)
    order = np.lexsort((-(pairs % n_classes), counts))
    guess[pairs[order] // n_classes] = pairs[order] % n_classes
    judged = ~first & (guess >= 0)[codes]
    if not _enough(judged, first) or n_classes < 2:
        return 0.0
    wrong = float((guess[codes[judged]] != classes[judged]).mean())
    constant = float((np.bincount(classes[first]).argmax() != classes[judged]).mean())
    # With less than a handful of errors to take away there is no evidence.
    return 1 - wrong / constant if constant * judged.sum() >= 5 else 0.0


def _enough(judged: np.ndarray, first: np.ndarray) -> bool:
    """Say whether a verdict can stand on the rows that are judged, of all that are not in the first half."""
    return judged.sum() >= max(LEAST, LEAST_SHARE * (~first).sum())


def _rank_gain(codes: np.ndarray, target: np.ndarray, first: np.ndarray) -> float:
    ranks = pl.Series(target).rank("average").to_numpy() / max(1, len(target))
    n_codes = int(codes.max(initial=0)) + 1
    counts = np.bincount(codes[first], minlength=n_codes)
    sums = np.bincount(codes[first], weights=ranks[first], minlength=n_codes)
    judged = ~first & (counts > 0)[codes]
    if not _enough(judged, first):
        return 0.0
    guess = sums[codes[judged]] / counts[codes[judged]]
    variance = float(ranks[judged].var())
    return 1 - float(((ranks[judged] - guess) ** 2).mean()) / variance if variance > 0 else 0.0
