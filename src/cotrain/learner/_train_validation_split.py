"""Which rows train and which choose the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from torch.utils.data import Dataset

from cotrain._base import InvalidArgumentError
from cotrain.data import ColumnChoice, MissingWords, Split, TypedTable, split_rows, strata
from cotrain.data.sources import columns_of_sources, read_sources, rows_of_sources
from cotrain.tasks import Task

#: What a further table without labels is called beside several sources.
UNLABELLED = "unlabelled"


def divide(
    data: object,
    validation: object,
    tasks: Sequence[Task],
    seed: int,
    *,
    with_unlabelled: bool,
    unlabelled: object = None,
    missing: MissingWords = None,
    columns: Mapping[str, ColumnChoice] | None = None,
    source: str | None = None,
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
        columns: kinds of input columns that the user has chosen.
        source: the column that says which source a row comes from, see `read_sources`.

    Raises:
        InvalidArgumentError: a share of a Dataset is asked for.
        DataError: a table cannot be read, or several do not go together.
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
    table = read_sources(data, source, missing=missing, targets=targets, kinds=columns)
    if not isinstance(validation, float | int):
        held = None
        if validation is not None:
            held = read_sources(
                validation,
                table.source,
                missing=table.missing,
                types=table.types,
                targets=targets,
                known=columns_of_sources(table, _inputs(table, targets, columns)),
            )
        return _with_more(table, unlabelled, with_unlabelled), held
    split = Split(validation=float(validation), test=0.0)
    codes, sources = strata(table.frame, tasks), rows_of_sources(table)
    parts = split_rows(table.frame, split, seed, codes, sources=sources)
    train = np.concatenate([parts["train"], parts["unlabelled"]]) if with_unlabelled else parts["train"]
    return _with_more(table[train], unlabelled, with_unlabelled), table[parts["validation"]]


def _with_more(table: TypedTable, unlabelled: object, wanted: bool) -> TypedTable:
    if unlabelled is None or not wanted or getattr(unlabelled, "height", 1) == 0:
        # A split leaves no such rows where every row has a label of some task.
        return table
    more = read_sources(unlabelled, table.source, missing=table.missing, types=table.types).frame
    if table.source is not None and table.source not in more.columns:
        more = more.with_columns(pl.lit(UNLABELLED).alias(table.source))
    kept = [column for column in more.columns if column in table.frame.columns]
    joined = pl.concat([table.frame, more.select(kept)], how="diagonal_relaxed")
    rows = None if table.rows is None else np.concatenate([table.rows, np.arange(more.height)])
    return TypedTable(
        joined, table.types, table.missing, source=table.source, numbered=table.numbered, rows=rows
    )


def _inputs(
    table: TypedTable, targets: Sequence[str], columns: Mapping[str, ColumnChoice] | None
) -> list[str]:
    """Return what may be an input column."""
    dropped = {name for name, choice in (columns or {}).items() if choice == "drop"}
    return [name for name in table.frame.columns if name not in {*targets, *dropped, table.source}]
