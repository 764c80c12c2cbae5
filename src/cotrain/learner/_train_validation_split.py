"""Which rows train and which choose the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from torch.utils.data import Dataset

from cotrain._base import InvalidArgumentError
from cotrain.data import MissingWords, Split, TypedTable, split_rows, strata
from cotrain.tasks import Task


def divide(
    data: object,
    validation: object,
    tasks: Sequence[Task],
    seed: int,
    *,
    with_unlabelled: bool,
    unlabelled: object = None,
    missing: MissingWords = None,
) -> tuple[Any, Any]:
    """Return training and validation rows.

    Args:
        data: a table, or a Dataset of dicts.
        validation: a share of the labelled rows, validation rows, or `None`.
        tasks: whose labels are divided evenly.
        seed: names the random stream.
        with_unlabelled: whether rows without any label are among the training rows; they never are among
            the validation rows.
        unlabelled: a further table of such rows; target columns may be absent.
        missing: words that mean "nothing", see `Missing`.

    Raises:
        InvalidArgumentError: a share of a Dataset is asked for.
    """
    if isinstance(data, Dataset):
        if isinstance(validation, float | int):
            raise InvalidArgumentError(
                f"fit(validation={validation}) cannot split a Dataset: give a second Dataset, or None."
            )
        if unlabelled is not None:
            raise InvalidArgumentError(
                "fit(unlabelled=...) joins tables: put unlabelled items into the Dataset itself."
            )
        return data, validation
    targets = [column for task in tasks for column in task.columns]
    table = TypedTable.read(data, missing=missing, targets=targets)
    if not isinstance(validation, float | int):
        held = None
        if validation is not None:
            held = TypedTable.read(validation, missing=table.missing, types=table.types, targets=targets)
        return _with_more(table, unlabelled, with_unlabelled), held
    split = Split(validation=float(validation), test=0.0)
    parts = split_rows(table.frame, split, seed, strata(table.frame, tasks))
    train = np.concatenate([parts["train"], parts["unlabelled"]]) if with_unlabelled else parts["train"]
    return _with_more(table[train], unlabelled, with_unlabelled), table[parts["validation"]]


def _with_more(table: TypedTable, unlabelled: object, wanted: bool) -> TypedTable:
    if unlabelled is None or not wanted or getattr(unlabelled, "height", 1) == 0:
        # A split leaves no such rows where every row has a label of some task.
        return table
    more = TypedTable.read(unlabelled, missing=table.missing, types=table.types).frame
    kept = [column for column in more.columns if column in table.frame.columns]
    joined = pl.concat([table.frame, more.select(kept)], how="diagonal_relaxed")
    return TypedTable(joined, table.types, table.missing)
