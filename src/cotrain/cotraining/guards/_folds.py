"""Folds of labelled rows, by which peers and rounds are judged: what belongs together stays together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cotrain._base import numpy_generator
from cotrain._base._ragged import labelled_rows
from cotrain.cotraining._entries import known_entries, offsets_of, row_of_entry
from cotrain.cotraining._predictions import class_targets
from cotrain.data._row_hash import row_keys, rows_seen_in
from cotrain.tasks import Task
from cotrain.training import Examples


def deal_into_folds(tasks: Sequence[Task], examples: Examples, folds: int, seed: int) -> Tensor:
    """Deal the labelled rows out to folds, equal classes evenly, int64 [N]; −1: is never held out.

    Rows with the very same inputs stay together, and so do the rows of a unit. A class with fewer labels (or
    units with such) than folds stays whole: its rows are in every training part, and no estimate is made of a
    class that a fit could not know.

    Args:
        tasks: the tasks, whose labels are dealt one after the other.
        examples: N rows.
        folds: number of folds, ≥ 2.
        seed: names the random stream.
    """
    belongs = _together(examples)
    fold_of = _dealt(tasks, examples, folds, belongs, numbers=(seed, "folds of rounds"))
    rare = torch.zeros(len(examples), dtype=torch.bool)
    for task in tasks:
        if task.class_names:
            rare |= _rows_of_rare_classes(task, examples, belongs, folds)
    fold_of[torch.isin(belongs, belongs[rare])] = -1
    return fold_of


def calibration_folds(tasks: Sequence[Task], examples: Examples, folds: int, seed: int) -> Tensor:
    """Deal the labelled rows out to folds as `deal_into_folds` does, those of rare classes too.

    Args:
        tasks: see `deal_into_folds`, as the others.
        examples: N rows.
        folds: number of folds.
        seed: names the random stream.
    """
    return _dealt(tasks, examples, folds, _together(examples), numbers=(seed, "folds"))


def belong_to(examples: Examples, held: Examples) -> Tensor:
    """Return which rows have the very same inputs as a row that is held out, or are of its unit, bool [N].

    Labels of theirs, true or not, would tell the rounds of the held-out rows themselves.

    Args:
        examples: N rows.
        held: rows that are held out of them, units being numbered alike.

    Example:
        >>> rows = Examples({"x": torch.arange(3.0)[:, None]}, {}, {}, units=torch.tensor([5, 5, -1]))
        >>> belong_to(rows, rows.take(torch.tensor([0]))).tolist()
        [True, True, False]
    """
    found = rows_seen_in(examples.inputs, held.inputs)
    if examples.units is not None and held.units is not None:
        found |= (examples.units >= 0) & torch.isin(examples.units, held.units)
    return found


def _dealt(
    tasks: Sequence[Task],
    examples: Examples,
    folds: int,
    belongs: Tensor,
    *,
    numbers: tuple[int, str],
) -> Tensor:
    """Return the fold of each labelled row, −1 for the others: that of the first row that it belongs to."""
    shuffled = torch.from_numpy(numpy_generator(*numbers).permutation(len(examples)))
    fold_of_unit = torch.full((len(examples),), -1, dtype=torch.int64)
    labelled = torch.zeros(len(examples), dtype=torch.bool)
    for task in tasks:
        classes, mine = _class_of_row(task, examples), labelled_rows(examples.masks[task.name])
        labelled |= mine
        rows = shuffled[(mine & (fold_of_unit[belongs] < 0))[shuffled]]
        rows = rows[classes[rows].sort(stable=True).indices]
        units = torch.tensor(list(dict.fromkeys(belongs[rows].tolist())), dtype=torch.int64)
        fold_of_unit[units] = torch.arange(len(units)) % folds
    return torch.where(labelled, fold_of_unit[belongs], -1)


def _together(examples: Examples) -> Tensor:
    """Return for each row the first one that it belongs to, by equal inputs or by its unit, int64 [N]."""
    first = list(range(len(examples)))

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = first[first[row]]
            row = first[row]
        return row

    ties: list[list[object]] = [list(row_keys(examples.inputs))]
    if examples.units is not None:
        # A row of unit −1 belongs to itself.
        ties.append([unit if unit >= 0 else f"row {row}" for row, unit in enumerate(examples.units.tolist())])
    for values in ties:
        seen: dict[object, int] = {}
        for row, value in enumerate(values):
            one, other = root(row), root(seen.setdefault(value, row))
            first[max(one, other)] = min(one, other)
    return torch.tensor([root(row) for row in first], dtype=torch.int64)


def _rows_of_rare_classes(task: Task, examples: Examples, belongs: Tensor, folds: int) -> Tensor:
    """Return the rows with a label of a class that fewer rows or units than folds have, bool [N]."""
    mask, rare = examples.masks[task.name], torch.zeros(len(examples), dtype=torch.bool)
    classes, known = class_targets(task, examples.targets[task.name]), known_entries(task, mask)
    row = row_of_entry(offsets_of(task, mask), len(examples))
    for value in classes[known].unique():
        where = known & (classes == value)
        rows = row[where.any(dim=1)]
        # Entries of a row count one by one, as the rows of a table do.
        n = int(where.sum()) if examples.units is None else len(belongs[rows].unique())
        if n < folds:
            rare[rows] = True
    return rare


def _class_of_row(task: Task, examples: Examples) -> Tensor:
    """Return the class of each row that folds are even in, −1 without a label; all alike with many a row."""
    mask = examples.masks[task.name]
    if task.reads != "vector":
        return torch.where(labelled_rows(mask), 0, -1)
    return torch.where(labelled_rows(mask), class_targets(task, examples.targets[task.name])[:, 0], -1)
