"""Data sets of the user's own: dicts, stacked once."""

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


class MapDataset(Protocol):
    """What `torch.utils.data.Dataset` with a length is: rows by number, each a dict.

    Example:
        >>> rows: MapDataset = [{"image": torch.zeros(3, 2), "label": 1}]
        >>> len(rows), sorted(rows[0])
        (1, ['image', 'label'])
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


def stack_dataset(dataset: MapDataset, targets: Sequence[str]) -> tuple[dict[str, Tensor], pl.DataFrame]:
    """Read every row of a data set once.

    Args:
        dataset: row number -> dict of tensors, arrays or numbers; the same keys in every row, except that a
            target may be absent or None where it is missing. What is text, bytes, a path, a mapping or None
            in row 0, such as a file's name, stands beside the inputs and is no input.
        targets: the keys that are target columns.

    Returns:
        the inputs, one tensor [N, ...] per key that is no target; and a table of the target columns.

    Raises:
        DataError: the data set is empty, a row is no dict, a key is absent, or shapes differ.

    Example:
        >>> rows = [{"image": torch.zeros(3, 2), "label": 1}, {"image": torch.ones(3, 2), "label": None}]
        >>> inputs, table = stack_dataset(rows, ["label"])
        >>> inputs["image"].shape, table["label"].to_list()
        (torch.Size([2, 3, 2]), [1, None])
    """
    rows = [dataset[index] for index in range(len(dataset))]
    if not rows:
        raise DataError("The data set is empty: its length is 0.")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"Row {index} of the data set must be a dict, got {type(row).__name__}.")
    everywhere = {key for row in rows for key in row}
    for target in targets:
        if target not in everywhere:
            raise DataError(
                f"Target {target!r} is a key of no row of the data set; {did_you_mean(target, everywhere)}"
            )
    inputs = {key: _stack(rows, key) for key in rows[0] if key not in targets and _is_input(rows[0][key])}
    if not inputs and not set(rows[0]) <= set(targets):
        kinds = {key: type(value).__name__ for key, value in rows[0].items() if key not in targets}
        raise DataError(f"No input of the data set can become a tensor: row 0 has {kinds}.")
    return inputs, pl.DataFrame([_target(rows, key) for key in targets])


def dataset_spec(inputs: dict[str, Tensor]) -> InputSpec:
    """Return the sizes of stacked inputs.

    Example:
        >>> dataset_spec({"image": torch.zeros(5, 3, 8, 8)}).tensors
        {'image': (3, 8, 8)}
    """
    codes = {key: int(x.max()) + 1 for key, x in inputs.items() if not x.is_floating_point() and x.numel()}
    return InputSpec(tensors={key: tuple(x.shape[1:]) for key, x in inputs.items()}, vocabularies=codes)


def _is_input(value: object) -> bool:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufc"
    return not (value is None or isinstance(value, str | bytes | PurePath | Mapping | date | time))


def _stack(rows: Sequence[dict[str, Any]], key: str) -> Tensor:
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
        if tensors and tensor.shape != tensors[0].shape:
            raise DataError(
                f"Row {index} of the data set: {key!r} has the shape {tuple(tensor.shape)}, row 0 has "
                f"{tuple(tensors[0].shape)}: pad or cut them to one shape."
            )
        tensors.append(tensor)
    stacked = torch.stack(tensors)
    if stacked.dtype == torch.float64:
        stacked = stacked.float()
    broken = int((~torch.isfinite(stacked)).sum()) if stacked.is_floating_point() else 0
    if broken:
        raise DataError(f"Input {key!r} of the data set has {broken} infinite or NaN values: replace them.")
    return stacked


def _target(rows: Sequence[dict[str, Any]], key: str) -> pl.Series:
    values = [_plain(row.get(key)) for row in rows]
    try:
        return pl.Series(key, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(key, values, strict=False)


def _plain(value: Any) -> Any:
    value = value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value
