"""Which rows train and which choose the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from torch.utils.data import Dataset

from cotrain._base import DataError, InvalidArgumentError, RowError, rows_counted_in
from cotrain.data import ColumnChoice, MissingWords, Split, TypedTable, split_rows, strata
from cotrain.data.sources import columns_of_sources, read_sources, rows_of_sources
from cotrain.tasks import Task

#: What a further table without labels is called beside several sources.
UNLABELLED = "unlabelled"
VALIDATION = "validation"
LABELLED = "the labelled rows"


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
            held = _named(
                VALIDATION,
                validation,
                table.source,
                missing=table.missing,
                types=table.types,
                targets=targets,
                known=columns_of_sources(table, _inputs(table, targets, columns)),
            )
        return _with_more(table, unlabelled, with_unlabelled), held
    split = Split(validation=float(validation), test=0.0)
    with rows_counted_in(table.rows, table.tables):
        codes, sources = strata(table.frame, tasks), rows_of_sources(table)
    parts = split_rows(table.frame, split, seed, codes, sources=sources)
    train = np.concatenate([parts["train"], parts["unlabelled"]]) if with_unlabelled else parts["train"]
    return _with_more(table[train], unlabelled, with_unlabelled), table[parts["validation"]]


def _with_more(table: TypedTable, unlabelled: object, wanted: bool) -> TypedTable:
    if unlabelled is None or not wanted or getattr(unlabelled, "height", 1) == 0:
        # A split leaves no such rows where every row has a label of some task.
        return table
    own = _named(UNLABELLED, unlabelled, table.source, missing=table.missing, types=table.types)
    more = own.frame
    if table.source is not None and table.source not in more.columns:
        more = more.with_columns(pl.lit(UNLABELLED).alias(table.source))
    kept = [column for column in more.columns if column in table.frame.columns]
    joined = pl.concat([table.frame, more.select(kept)], how="diagonal_relaxed")
    rows, more_rows, tables = _numbers(table), _numbers(own), table.tables
    if not isinstance(unlabelled, TypedTable):
        # No part of the table that the labelled rows are of: its rows come after that one's.
        tables = tables or ((LABELLED, int(rows.max()) + 1),)
        more_rows = more_rows + sum(n_rows for _, n_rows in tables)
        tables = (*tables, *own.tables)
    return TypedTable(
        joined,
        table.types,
        table.missing,
        source=table.source,
        numbered=table.numbered,
        rows=np.concatenate([rows, more_rows]),
        tables=tables,
    )


def _numbers(table: TypedTable) -> np.ndarray:
    return np.arange(table.height) if table.rows is None else table.rows


def _named(name: str, data: object, source: str | None, **options: Any) -> TypedTable:
    """Read one of several tables that are given, of which errors tell by its name; parts of one have none."""
    try:
        table = read_sources(data, source, **options)
    except RowError:
        raise
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if not isinstance(data, TypedTable):
        own = tuple((f"{part} of {name}", n_rows) for part, n_rows in table.tables)
        table.tables = own or ((name, table.height),)
    return table


def _inputs(
    table: TypedTable, targets: Sequence[str], columns: Mapping[str, ColumnChoice] | None
) -> list[str]:
    """Return what may be an input column."""
    dropped = {name for name, choice in (columns or {}).items() if choice == "drop"}
    return [name for name in table.frame.columns if name not in {*targets, *dropped, table.source}]
