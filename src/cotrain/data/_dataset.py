"""Data sets of the user's own: dicts, stacked once, or laid one after the other where lengths differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import DataError, InputSpec, did_you_mean
from cotrain._base._ragged import Leaf, Leaves, Ragged, laid_out
from cotrain.data._nested import is_nested, nested_column


class MapDataset(Protocol):
    """What `torch.utils.data.Dataset` with a length is: rows by number, each a dict.

    Example:
        >>> rows: MapDataset = [{"image": torch.zeros(3, 2), "label": 1}]
        >>> len(rows), sorted(rows[0])
        (1, ['image', 'label'])
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


def stack_dataset(
    dataset: MapDataset, targets: Sequence[str], keys: Sequence[str] | None = None
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Read every row of a data set once.

    Args:
        dataset: row number -> dict of tensors, arrays or numbers; the same keys in every row, except that a
            target may be absent or None where it is missing. What is text, bytes, a path, a mapping or None
            in row 0, such as a file's name, stands beside the inputs and is no input. A target may be a
            tensor of the row's own length: its entries are a list in the table.
        targets: the keys that are target columns.
        keys: the keys that somebody reads; all others are left alone, whatever they hold. `None`: all.

    Returns:
        the inputs, per key that is no target a tensor [N, ...], or N ragged rows where tensors differ in the
        length of their first axis; and a table of the target columns.

    Raises:
        DataError: the data set has no length or no rows by number, is empty, a row is no dict, a key is
            absent, or shapes differ in more than the first axis.

    Example:
        >>> rows = [{"image": torch.zeros(3, 2), "label": 1}, {"image": torch.ones(3, 2), "label": None}]
        >>> inputs, table = stack_dataset(rows, ["label"])
        >>> inputs["image"].shape, table["label"].to_list()
        (torch.Size([2, 3, 2]), [1, None])
        >>> stack_dataset([{"tokens": torch.tensor([5, 7])}, {"tokens": torch.tensor([9])}], [])[0]
        {'tokens': Ragged(2 rows, values torch.int64 [3])}
    """
    rows, everywhere = _rows(dataset, None if keys is None else {*targets, *keys})
    for target in targets:
        if target not in everywhere:
            raise DataError(
                f"Target {target!r} is a key of no row of the data set; {did_you_mean(target, everywhere)}"
            )
    for key in keys or ():
        if key not in rows[0]:
            raise DataError(f"Row 0 of the data set lacks the input {key!r}; {did_you_mean(key, everywhere)}")
    wanted = [key for key in rows[0] if key not in targets] if keys is None else list(keys)
    inputs = {key: _stack(rows, key) for key in wanted if keys is not None or _is_input(rows[0][key])}
    if not inputs and not set(rows[0]) <= set(targets):
        kinds = {key: type(value).__name__ for key, value in rows[0].items() if key not in targets}
        raise DataError(f"No input of the data set can become a tensor: row 0 has {kinds}.")
    return inputs, pl.DataFrame([_target(rows, key) for key in targets])


def dataset_spec(inputs: Leaves) -> InputSpec:
    """Return the sizes of stacked inputs.

    Example:
        >>> dataset_spec({"image": torch.zeros(5, 3, 8, 8)}).tensors
        {'image': (3, 8, 8)}
    """
    fixed = {key: x for key, x in inputs.items() if not isinstance(x, Ragged)}
    ragged = {key: x.values for key, x in inputs.items() if isinstance(x, Ragged)}
    codes = {
        key: int(x.max()) + 1
        for key, x in (fixed | ragged).items()
        if not x.is_floating_point() and x.numel()
    }
    return InputSpec(
        tensors={key: tuple(x.shape[1:]) for key, x in fixed.items()},
        vocabularies=codes,
        ragged={key: tuple(x.shape[1:]) for key, x in ragged.items()},
    )


def as_in_training(key: str, rows: Leaf, *, ragged: bool) -> Leaf:
    """Return rows in the form that training had: by chance some rows may all be of one length.

    Args:
        key: of the input.
        rows: from `stack_dataset`.
        ragged: whether the training rows differed in length.

    Raises:
        DataError: these differ in length and the training rows did not.
    """
    if isinstance(rows, Ragged):
        if not ragged:
            raise DataError(
                f"Input {key!r} of the data set has rows of different length, but all had one in training: "
                "pad or cut them to that."
            )
        return rows
    if not ragged:
        return rows
    lengths = torch.full((len(rows),), rows.shape[1], dtype=torch.int64)
    return Ragged.from_padded(rows, lengths)


def _rows(dataset: Any, kept: set[str] | None) -> tuple[list[dict[str, Any]], set[str]]:
    """Return what is kept of every row, and the keys of all rows."""
    try:
        length = len(dataset)
    except TypeError as error:
        raise DataError(
            f"The data set ({type(dataset).__name__}) has no length, and its rows are read by number: give a "
            "data set with __len__ and __getitem__, such as list(dataset)."
        ) from error
    if not length:
        raise DataError("The data set is empty: its length is 0.")
    rows, everywhere = [], set()
    for index in range(length):
        row = dataset[index]
        if not isinstance(row, dict):
            raise DataError(f"Row {index} of the data set must be a dict, got {type(row).__name__}.")
        everywhere |= set(row)
        rows.append(row if kept is None else {key: value for key, value in row.items() if key in kept})
    return rows, everywhere


def _is_input(value: object) -> bool:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufc"
    return not (value is None or isinstance(value, str | bytes | PurePath | Mapping | date | time))


def _stack(rows: Sequence[dict[str, Any]], key: str) -> Leaf:
    tensors = []
    for index, row in enumerate(rows):
        if key not in row:
            raise DataError(f"Row {index} of the data set lacks the key {key!r}, which row 0 has.")
        try:
            tensor = torch.as_tensor(row[key])
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"Row {index} of the data set: {key!r} cannot become a tensor, got {type(row[key]).__name__}."
            ) from error
        tensor = tensor.float() if tensor.dtype == torch.float64 else tensor
        if tensors and (tensor.dim() != tensors[0].dim() or tensor.shape[1:] != tensors[0].shape[1:]):
            raise DataError(
                f"Row {index} of the data set: {key!r} has the shape {tuple(tensor.shape)}, row 0 has "
                f"{tuple(tensors[0].shape)}: rows may differ in the length of their first axis; pad or cut "
                "them in the others."
            )
        tensors.append(tensor)
    stacked = laid_out(tensors)
    values = stacked.values if isinstance(stacked, Ragged) else stacked
    broken = int((~torch.isfinite(values)).sum()) if values.is_floating_point() else 0
    if broken:
        raise DataError(f"Input {key!r} of the data set has {broken} infinite or NaN values: replace them.")
    return stacked


def _target(rows: Sequence[dict[str, Any]], key: str) -> pl.Series:
    values = [_plain(row.get(key)) for row in rows]
    if any(is_nested(value) for value in values) and (column := nested_column(key, values)) is not None:
        return column
    try:
        return pl.Series(key, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(key, values, strict=False)


def _plain(value: Any) -> Any:
    value = value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value
