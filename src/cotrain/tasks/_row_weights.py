"""How much each row counts: a column of weights, read and joined with the mask of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError, RowError, did_you_mean, rows_counted_in
from cotrain._base._ragged import Leaf, Ragged, labelled_rows
from cotrain.tasks._condition import rows_where
from cotrain.tasks._target_values import as_numbers, shown


def require_weight_column(task: str, columns: Sequence[str], column: object) -> None:
    """Raise `InvalidArgumentError` unless `column` is a name, or none, and is no target of the task."""
    if column is not None and (not isinstance(column, str) or not column):
        raise InvalidArgumentError(f"Task {task!r}: sample_weight={column!r}, expected the name of a column.")
    if column in columns:
        raise InvalidArgumentError(f"Task {task!r}: column {column!r} cannot be target and sample_weight.")


def row_weights(frame: pl.DataFrame, column: str, task: str) -> np.ndarray:
    """Return the weights of the rows as they stand in a column, float64 [N]; NaN where the cell is empty.

    Args:
        frame: has the column.
        column: of numbers ≥ 0.
        task: named in errors.

    Raises:
        DataError: the column is absent, or holds text, negative or infinite numbers.

    Example:
        >>> row_weights(pl.DataFrame({"w": [2, None, 0]}), "w", "price").tolist()
        [2.0, nan, 0.0]
    """
    where = f"Task {task!r}: sample_weight {column!r}"
    if column not in frame.columns:
        raise DataError(f"{where} is not a column of the table; {did_you_mean(column, frame.columns)}")
    values, strange = as_numbers(frame[column])
    if len(strange):
        kinds = strange.unique(maintain_order=True).to_list()
        raise DataError(f"{where} holds text in {_rows(len(strange))}: {shown(kinds)}; write numbers ≥ 0.")
    if values is None:
        raise DataError(f"{where} holds {frame.schema[column]}, where a number ≥ 0 a row was expected.")
    array = values.fill_null(float("nan")).to_numpy().copy()
    for what, wrong in (("negative", array < 0), ("infinite", np.isinf(array))):
        if wrong.any():
            raise RowError(
                f"{where} is {what} in {_rows(int(wrong.sum()))}, the first being row {{row}} "
                f"with {array[wrong][0]:g}: a weight is a finite number ≥ 0; correct it, or write 0 to leave "
                "the row out.",
                int(wrong.argmax()),
            )
    return array


def weighted_labels(
    targets: Any, mask: Any, frame: pl.DataFrame, column: str, *, task: str
) -> tuple[Any, Any]:
    """Return targets and, in place of the mask, weights of the labels: those of their rows, 0 where missing.

    They are divided by the power of two nearest to their mean over the labelled rows, which changes no
    quotient of two sums, and lets a weight of 1, as pseudo-labels have it, be that of a usual row.

    Args:
        targets: coded, [N, ...] or N ragged rows.
        mask: bool, of the same layout.
        frame: the rows.
        column: of weights.
        task: named in errors.

    Raises:
        DataError: see `row_weights`; or the cell of a labelled row is empty.

    Example:
        >>> y, there = torch.ones(3, 1), torch.tensor([[True], [True], [False]])
        >>> weighted_labels(y, there, pl.DataFrame({"w": [0, 2, 2]}), "w", task="price")[1].tolist()
        [[0.0], [1.0], [0.0]]
    """
    weights, labelled = row_weights(frame, column, task), labelled_rows(mask).numpy()
    _require_full(np.isnan(weights) & labelled, column, task)
    counted = labelled & (weights > 0)
    mean = float(weights[counted].mean()) if counted.any() else 1.0
    scaled = np.where(counted, np.ldexp(weights, -round(float(np.log2(mean)))), 0.0)
    of_row = torch.from_numpy(scaled).float()
    return _kept(targets, of_row > 0), times_rows(mask, of_row)


def times_rows(mask: Leaf, of_row: Tensor) -> Leaf:
    """Return a mask as weights, each entry times the number of its row [N].

    Example:
        >>> times_rows(torch.tensor([[True, False]]), torch.tensor([3.0])).tolist()
        [[3.0, 0.0]]
    """
    if isinstance(mask, Ragged):
        of_entry = of_row[mask.row_of_entry]
        return mask.map(lambda own: own.float() * of_entry.view(-1, *[1] * (own.dim() - 1)))
    return mask.float() * of_row.view(-1, *[1] * (mask.dim() - 1))


def rows_that_count(targets: Any, mask: Any, holds: Tensor) -> tuple[Any, Any]:
    """Return targets and mask with the rows unlabelled for which `holds` [N] is False.

    Example:
        >>> y, there = torch.ones(2, 1), torch.ones(2, 1, dtype=torch.bool)
        >>> rows_that_count(y, there, torch.tensor([True, False]))[0].tolist()
        [[1.0], [0.0]]
    """
    return _kept(targets, holds), _kept(mask, holds)


def _kept(leaf: Any, holds: Tensor) -> Any:
    """Return a leaf with 0 in the place of the rows for which `holds` is False."""
    if isinstance(leaf, Ragged):
        of_entry = holds[leaf.row_of_entry]
        return leaf.map(lambda own: _where(of_entry, own))
    return _where(holds, leaf)


def _where(holds: Tensor, values: Tensor) -> Tensor:
    return torch.where(holds.view(-1, *[1] * (values.dim() - 1)), values, torch.zeros_like(values))


def rows_to_learn_from(
    frame: pl.DataFrame, condition: str | None, column: str | None, targets: Sequence[str], *, task: str
) -> np.ndarray | None:
    """Return the numbers of the rows where a task exists and whose weight is above 0; `None`: all.

    Args:
        frame: the rows.
        condition: of the rows where the task exists.
        column: of weights.
        targets: the task's columns.
        task: named in errors.

    Raises:
        DataError: a labelled row has no weight, or none has one above 0.
    """
    if condition is None and column is None:
        return None
    rows = np.arange(frame.height)
    if condition is not None:
        rows = np.flatnonzero(rows_where(frame, condition, task).numpy())
    if column is not None:
        with rows_counted_in(rows):
            weighty = _has_weight(frame[rows], column, targets, task=task)
        rows = rows[weighty]
    return rows


def _has_weight(frame: pl.DataFrame, column: str, targets: Sequence[str], *, task: str) -> np.ndarray:
    """Return which rows have a weight above 0, to learn a coding from.

    Args:
        frame: the rows.
        column: of weights.
        targets: the task's columns.
        task: named in errors.

    Raises:
        DataError: a labelled row has no weight, or none has one above 0.
    """
    weights = row_weights(frame, column, task)
    labelled = frame.select(pl.any_horizontal(pl.col(targets).is_not_null())).to_series().to_numpy()
    if labelled.any() and not (labelled & (weights > 0)).any():
        raise DataError(
            f"Task {task!r}: sample_weight {column!r} is 0 or empty in all {_rows(int(labelled.sum()))} with "
            "a label: nothing is left to learn from; give some rows a weight above 0."
        )
    _require_full(np.isnan(weights) & labelled, column, task)
    return weights > 0


def _require_full(empty: np.ndarray, column: str, task: str) -> None:
    if empty.any():
        raise RowError(
            f"Task {task!r}: sample_weight {column!r} is empty in {_rows(int(empty.sum()))} with a label, "
            "the first being row {row}: write 1 to count a row once, or 0 to leave it out.",
            int(empty.argmax()),
        )


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


def masked_sum(losses: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the losses where there is a label, and the number of labels or the sum of weights.

    Args:
        losses: of every entry.
        mask: of the same layout, bool or weights ≥ 0. What stands where it is 0 does not matter.
    """
    if mask.dtype == torch.bool:
        return torch.where(mask, losses, 0.0).sum(), mask.sum()
    return torch.where(mask > 0, losses * mask, 0.0).sum(), mask.sum(dtype=losses.dtype)
