"""How rows are divided into training, validation and test."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError, did_you_mean, numpy_generator
from cotrain._base._ragged import Leaf, Ragged, labelled_rows
from cotrain.data._fold import Fold
from cotrain.data._stratify import assign_units
from cotrain.data.columns._date import seconds_of
from cotrain.data.columns._values import text_values
from cotrain.tasks import Task

#: Classes whose occurrence in rows of many entries a split keeps even; the first ones, where there are more.
MOST_OCCURRENCES = 100
PARTS = ("train", "validation", "test")
_NAMES = {
    "train": 0,
    "training": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "dev": 1,
    "test": 2,
    "testing": 2,
}


@final
class Split:
    """Fractions of the labelled rows, or a column that says where each row belongs.

    Args:
        validation: share of the labelled rows for validation, in [0, 1).
        test: share for the test, in [0, 1); together below 1.
        column: a column with the values train, validation (val, valid, dev) and test; used instead of the
            shares. Without validation rows in it, the share `validation` is taken from its training rows.
        group: a column whose equal values stay together, such as a patient or a user. Intervals on test rows
            are about other groups.
        time: a column of dates, times or numbers; the last rows are the test, those before them validation.
            Rows of one time stay together. Intervals on test rows are about other stretches of time.
        stratify: whether each part gets its share of each task's labels and classes; not by time.

    Raises:
        InvalidArgumentError: a share is out of range, or more than one of `column`, `group` and `time` is
        given.

    Example:
        >>> Split(validation=0.1, test=0.2).test
        0.2
    """

    def __init__(
        self,
        validation: float = 0.1,
        test: float = 0.2,
        *,
        column: str | None = None,
        group: str | None = None,
        time: str | None = None,
        stratify: bool = True,
    ) -> None:
        for name, value in (("validation", validation), ("test", test)):
            if not 0 <= value < 1:
                raise InvalidArgumentError(f"Split({name}={value!r}): expected a share in [0, 1).")
        if validation + test >= 1:
            raise InvalidArgumentError(
                f"Split(validation={validation!r}, test={test!r}) leaves nothing to train on: "
                "their sum must be below 1."
            )
        given = {"column": column, "group": group, "time": time}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) > 1:
            said = ", ".join(f"{name}={value!r}" for name, value in given.items())
            raise InvalidArgumentError(f"Split({said}): give one of them, each says where every row belongs.")
        self.validation = validation
        self.test = test
        self.column = column
        self.group = group
        self.time = time
        self.stratify = stratify

    @property
    def columns(self) -> list[str]:
        """The columns that say how rows are split: they are no inputs."""
        return [column for column in (self.column, self.group, self.time) if column is not None]

    def dependence(
        self, frame: pl.DataFrame, unlabelled: pl.DataFrame | None = None
    ) -> dict[str, np.ndarray]:
        """Return what ties labelled rows to one another, as a bootstrap is told of it.

        Args:
            frame: labelled rows, such as those of the test.
            unlabelled: rows without any label that are learned from beside them, whose groups are told too.

        Returns:
            `groups` or `times` [N]; nothing where every row stands for itself. With unlabelled rows that have
            groups these follow; −1: no labelled row is of that group, or there is none.

        Raises:
            DataError: the column is absent or has values missing in labelled rows.

        Example:
            >>> frame = pl.DataFrame({"who": ["b", "a", "b"]})
            >>> Split(group="who").dependence(frame)["groups"].tolist(), Split().dependence(frame)
            ([0, 1, 0], {})
            >>> Split(group="who").dependence(frame, pl.DataFrame({"who": ["a", "c", None]}))["groups"]
            array([ 0,  1,  0,  1, -1, -1])
        """
        rows = np.arange(frame.height)
        if self.group is None:
            return {} if self.time is None else {"times": times_of(frame, self.time, rows)}
        if unlabelled is not None and self.group in unlabelled.columns:
            of_each = [text_values(_column(one, self.group, "group")) for one in (frame, unlabelled)]
            frame = pl.concat(of_each).to_frame(self.group)
        return {"groups": groups_of(frame, self.group, rows)}


def strata(frame: pl.DataFrame, tasks: Sequence[Task]) -> dict[str, np.ndarray]:
    """Return per task what a split should keep even: codes [N, T], −1 = unlabelled.

    Classes are codes; numbers are coded by their quartile. Of rows with many entries, such as tags, a target
    is each class that occurs in the row, and being labelled at all.

    Args:
        frame: the whole table.
        tasks: they are not changed; copies of them learn their coding from all rows for this purpose.

    Raises:
        DataError: a target is absent, has no label, or cannot be read.

    Example:
        >>> from cotrain.tasks import Binary
        >>> frame = pl.DataFrame({"sold": [True, False, None, True, False]})
        >>> strata(frame, [Binary("sold")])["sold"].tolist()
        [[1], [0], [-1], [1], [0]]
    """
    codes = {}
    for task in tasks:
        if not task.plain_cells or (task.reads != "vector" and not task.per_position):
            # Of so many entries a row has there is no one code: that some have labels is kept even.
            there = pl.any_horizontal([pl.col(column).is_not_null() for column in task.columns])
            codes[task.name] = np.where(frame.select(there).to_series().to_numpy(), 0, -1)[:, None]
            continue
        fitted = copy.deepcopy(task)
        fitted.fit(frame)
        encoded = fitted.encode(frame)
        if not all(isinstance(leaf, Tensor) and leaf.dim() == 2 for leaf in encoded):
            codes[task.name] = _occurrences(*encoded, are_classes=fitted.has_classes)
            continue
        targets, mask = (tensor.numpy() for tensor in encoded)
        coded = np.full(targets.shape, -1, dtype=np.int64)
        for place in range(targets.shape[1]):
            labelled = mask[:, place] > 0
            coded[labelled, place] = _codes(targets[labelled, place], not fitted.has_classes)
        codes[task.name] = coded
    return codes


def split_rows(
    frame: pl.DataFrame,
    spec: Split,
    seed: int,
    labelled: Mapping[str, np.ndarray],
    *,
    sources: Mapping[str, np.ndarray] | None = None,
    fold: Fold | None = None,
) -> dict[str, np.ndarray]:
    """Divide the rows.

    Only labelled rows are divided, and where a row goes depends on the labelled rows alone: a row without
    any label changes nothing but the last two parts.

    Of several sources each one is divided as it would be alone, so that every part has its share of each and
    a further source moves no row; a source in which `Split.column` is empty is divided by the shares. With
    `Split.group` all are divided together, since a group may have rows in several, and kept even as well.

    Args:
        frame: the whole table, N rows.
        spec: how.
        seed: names the random stream.
        labelled: per task booleans, or codes of classes with −1 = unlabelled (from `strata`);
            [N] or [N, T].
        sources: source -> its row numbers, ascending, from `rows_of_sources`.
        fold: of cross-validation, whose rows are the test in place of a share; `None`: there are none.

    Returns:
        ascending row numbers, int64, under "train", "validation", "test", all labelled; "unlabelled", the
        rows without any label that training may look at; and "unused", the rows without any label that
        the column, the group or the time puts into validation or test.

    Raises:
        DataError: no row is labelled, the column, group or time is absent or has values missing, or a part
            that was asked for comes out empty.
        InvalidArgumentError: folds are asked for where a column or the time says what is tested.

    Example:
        >>> frame = pl.DataFrame({"sold": [True, False] * 10 + [None]})
        >>> labelled = {"sold": frame["sold"].is_not_null()}
        >>> parts = split_rows(frame, Split(validation=0.2, test=0.2), 0, labelled)
        >>> [len(parts[name]) for name in ("train", "validation", "test", "unlabelled")]
        [12, 4, 4, 1]
    """
    codes = _as_codes(labelled, frame.height)
    if not (codes >= 0).any():
        raise DataError(
            f"None of the {frame.height} rows has a label of any task: there is nothing to learn."
        )
    if fold is not None and (spec.column is not None or spec.time is not None):
        said = "column" if spec.column is not None else "time"
        raise InvalidArgumentError(
            f"Folds make every labelled row a test row once, and split.{said} says which rows are: leave out "
            "one of the two."
        )
    if sources is None or len(sources) < 2:
        parts = _split(frame, spec, seed, codes, fold=fold)
    elif spec.group is not None:
        of_row = np.zeros((frame.height, 1), dtype=np.int64)
        for number, rows in enumerate(sources.values()):
            of_row[rows] = number
        parts = _split(frame, spec, seed, codes, even=of_row, fold=fold)
    else:
        parts = _split_each(frame, spec, seed, codes, sources=sources, fold=fold)
    _require_parts(parts, spec, fold)
    return parts


def _split_each(
    frame: pl.DataFrame,
    spec: Split,
    seed: int,
    codes: np.ndarray,
    *,
    sources: Mapping[str, np.ndarray],
    fold: Fold | None,
) -> dict[str, np.ndarray]:
    """Divide each source as if there were no other."""
    found: dict[str, list[np.ndarray]] = {}
    by_shares = Split(spec.validation, spec.test, stratify=spec.stratify)
    for name, rows in sources.items():
        if not (codes[rows] >= 0).any():
            found.setdefault("unlabelled", []).append(rows)
            continue
        own = frame[rows]
        silent = spec.column is not None and _column(own, spec.column, "split").null_count() == own.height
        try:
            parts = _split(own, by_shares if silent else spec, seed, codes[rows], fold=fold)
        except DataError as error:
            raise DataError(f"Source {name!r}: {error}") from error
        for part, chosen in parts.items():
            found.setdefault(part, []).append(rows[chosen])
    nothing = np.zeros(0, dtype=np.int64)
    return {
        part: np.sort(np.concatenate([nothing, *found.get(part, [])]))
        for part in (*PARTS, "unlabelled", "unused")
    }


def _split(
    frame: pl.DataFrame,
    spec: Split,
    seed: int,
    codes: np.ndarray,
    *,
    even: np.ndarray | None = None,
    fold: Fold | None = None,
) -> dict[str, np.ndarray]:
    """Divide rows; see `split_rows`.

    Args:
        frame: N rows.
        spec: how.
        seed: names the random stream.
        codes: of the labels, [N, T], −1 = unlabelled.
        even: what else to keep even, [N, E].
        fold: of cross-validation.
    """
    rows = np.flatnonzero((codes >= 0).any(axis=1))
    without = np.flatnonzero((codes < 0).all(axis=1))
    free = np.ones(len(without), dtype=bool)
    codes = codes if even is None else np.concatenate([codes, even], axis=1)
    if spec.column is not None:
        part_of_all = _read_column(frame, spec.column, rows)
        part = part_of_all[rows]
        free = part_of_all[without] <= 0
        if not (part == 1).any() and spec.validation > 0:
            inside = np.flatnonzero(part == 0)
            drawn = assign_units(
                *_units(codes[rows[inside]], None, spec.stratify),
                [1 - spec.validation, spec.validation, 0.0],
                generator=numpy_generator(seed, "split"),
            )
            part[inside] = drawn
    elif spec.time is not None:
        times = times_of(frame, spec.time, rows)
        part = _last_are_tested(times[rows], spec)
        # What is later than the training rows, or has no time, is not looked at in training.
        free = times[without] <= times[rows[part == 0]].max(initial=-np.inf)
    else:
        groups = None if spec.group is None else groups_of(frame, spec.group, rows)
        units = _units(codes[rows], None if groups is None else groups[rows], spec.stratify)
        if fold is not None:
            part_of_unit = fold.parts(units, spec.validation, seed)
        else:
            shares = [1 - spec.validation - spec.test, spec.validation, spec.test]
            part_of_unit = assign_units(*units, shares, generator=numpy_generator(seed, "split"))
        part = part_of_unit if groups is None else part_of_unit[_dense(groups[rows])]
        if groups is not None:
            held_out = np.unique(groups[rows[part > 0]])
            free = ~np.isin(groups[without], held_out)
    result = {name: rows[part == number] for number, name in enumerate(PARTS)}
    return result | {"unlabelled": without[free], "unused": without[~free]}


def _occurrences(targets: Leaf, mask: Leaf, *, are_classes: bool) -> np.ndarray:
    """Return 0 where a row of many entries has a label, and where it has a class, −1 elsewhere [N, 1 + C]."""
    found = [labelled_rows(mask).numpy()]
    if are_classes and isinstance(targets, Ragged) and isinstance(mask, Ragged):
        known = targets.values[mask.values > 0]
        for tag in torch.unique(known).tolist()[:MOST_OCCURRENCES]:
            of_tag = Ragged((targets.values == tag) & (mask.values > 0), targets.offsets)
            found.append(of_tag.any().numpy())
    return np.where(np.stack(found, axis=1), 0, -1)


def _codes(values: np.ndarray, are_numbers: bool) -> np.ndarray:
    if are_numbers and len(values):
        return np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
    return np.unique(values, return_inverse=True)[1]


def _as_codes(labelled: Mapping[str, np.ndarray], n_rows: int) -> np.ndarray:
    parts = []
    for task, values in labelled.items():
        values = np.asarray(values)
        if len(values) != n_rows:
            raise InvalidArgumentError(
                f"split_rows: task {task!r} has {len(values)} entries for {n_rows} rows of the table."
            )
        codes = values.reshape(n_rows, -1)
        parts.append(np.where(codes, 0, -1) if codes.dtype == bool else codes.astype(np.int64))
    if not parts:
        raise InvalidArgumentError("split_rows needs the labels of at least one task, got none.")
    return np.concatenate(parts, axis=1)


def _dense(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1]


def _units(
    codes: np.ndarray, groups: np.ndarray | None, stratify: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (unit, property) of every label, and the number of units."""
    n_rows = len(codes)
    unit = np.arange(n_rows) if groups is None else _dense(groups)
    pairs = [(unit, np.zeros(n_rows, dtype=np.int64))]  # property 0: being a row
    n_properties = 1
    if stratify:
        for place in range(codes.shape[1]):
            labelled = codes[:, place] >= 0
            if labelled.any():
                dense = _dense(codes[labelled, place])
                pairs.append((unit[labelled], n_properties + dense))
                n_properties += int(dense.max()) + 1
    units = np.concatenate([pair[0] for pair in pairs])
    return units, np.concatenate([pair[1] for pair in pairs]), int(unit.max()) + 1


def _read_column(frame: pl.DataFrame, column: str, rows: np.ndarray) -> np.ndarray:
    """Return 0, 1, 2 per row, −1 where the column says nothing."""
    text = text_values(_column(frame, column, "split")).str.to_lowercase()
    part = text.replace_strict(_NAMES, default=-2, return_dtype=pl.Int64)
    part = part.set(text.is_null(), -1).to_numpy().copy()
    wrong = np.flatnonzero(part == -2)
    if len(wrong):
        raise DataError(
            f"Split column {column!r} has {len(wrong)} rows with another value than train, validation, test, "
            f"such as {frame[column][int(wrong[0])]!r}."
        )
    silent = int((part[rows] == -1).sum())
    if silent:
        raise DataError(
            f"Split column {column!r} is empty in {silent} labelled rows: write train, validation or test."
        )
    return part


def groups_of(frame: pl.DataFrame, column: str, rows: np.ndarray) -> np.ndarray:
    """Return numbers of the groups in order of labelled appearance, so that other rows change nothing.

    Args:
        frame: the table, N rows.
        column: holds the groups.
        rows: the labelled rows, which must have one.

    Returns:
        int64 [N], −1 for groups without a labelled row.

    Raises:
        DataError: the column is absent, or empty in labelled rows.

    Example:
        >>> groups_of(pl.DataFrame({"who": ["b", "a", None, "b"]}), "who", np.array([1, 3])).tolist()
        [1, 0, -1, 1]
    """
    text = text_values(_column(frame, column, "group"))
    silent = text[rows].null_count()
    if silent:
        raise DataError(
            f"Group column {column!r} is empty in {silent} labelled rows: give each a group of its own."
        )
    names = text[rows].unique(maintain_order=True).to_list()
    return text.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int64).to_numpy()


def times_of(frame: pl.DataFrame, column: str, rows: np.ndarray) -> np.ndarray:
    """Return the times of all rows as numbers, in seconds where they are dates.

    Args:
        frame: the table, N rows.
        column: holds numbers, dates, or text that spells either.
        rows: the labelled rows, which must have one.

    Returns:
        float64 [N], NaN where missing.

    Raises:
        DataError: the column is absent, no time, or empty in labelled rows.

    Example:
        >>> days = pl.DataFrame({"day": ["2020-01-02", None, "2020-01-01"]})
        >>> times_of(days, "day", np.array([0, 2])).tolist()
        [1577923200.0, nan, 1577836800.0]
    """
    times = seconds_of(_column(frame, column, "time"))
    silent = int(np.isnan(times[rows]).sum())
    if silent:
        raise DataError(
            f"Time column {column!r} is empty in {silent} labelled rows: fill it in, or leave these rows out."
        )
    return times


def _last_are_tested(times: np.ndarray, spec: Split) -> np.ndarray:
    """Return 0, 1, 2 per row by its time: the shares from the end; what is cut goes to the later part.

    The first time is never taken from training.
    """
    part = np.zeros(len(times), dtype=np.int64)
    first, before = times.min(), np.sort(times)
    for number, share in ((2, spec.test), (1, spec.validation)):
        n_last = min(round(share * len(times)), len(before))
        if n_last:
            start = before[len(before) - n_last]
            part[(times >= start) & (times > first) & (part == 0)] = number
            before = before[before < start]
    return part


def _column(frame: pl.DataFrame, column: str, what: str) -> pl.Series:
    if column not in frame.columns:
        raise DataError(
            f"The {what} column {column!r} is no column of the table; {did_you_mean(column, frame.columns)}"
        )
    return frame[column]


def _require_parts(result: Mapping[str, np.ndarray], spec: Split, fold: Fold | None) -> None:
    sizes = {name: len(result[name]) for name in PARTS}
    tested = fold is not None or (spec.test > 0 and spec.column is None)
    wanted = {"train": True, "validation": spec.validation > 0, "test": tested}
    for name in PARTS:
        if wanted[name] and not sizes[name]:
            raise DataError(
                f"The split leaves no labelled row for {name} ({sizes}): the table has too few labelled rows "
                "or groups, or the split column names none."
            )
