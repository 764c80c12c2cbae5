"""A configuration's table, read once and divided into its parts."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self, final

import numpy as np
import polars as pl

from cotrain._base import ConfigError, DataError, row_in_its_table, rows_counted_in
from cotrain.data import Fold, TypedTable, split_rows, strata
from cotrain.data._file_paths import hash_of_files
from cotrain.data.sources import rows_of_sources

if TYPE_CHECKING:
    from cotrain.learner._configuration import Configuration

#: Parts whose labels are counted; every row is in one of these, in "unlabelled" or in "unused".
LABELLED_PARTS = ("train", "validation", "test")


@final
@dataclass(frozen=True)
class SplitTable:
    """N rows and the part of the split that each belongs to.

    Args:
        frame: the whole table.
        labels: task -> codes [N, T], −1 = unlabelled, from `strata`.
        rows: part -> ascending row numbers, from `split_rows`: "train", "validation", "test", "unlabelled"
            and "unused".
        left_out: columns that are neither inputs nor targets.
        table: what `frame` was read as; default: the frame as it is.

    Example:
        >>> frame = pl.DataFrame({"x": range(3), "y": [0, 1, None]})
        >>> rows = {"train": np.array([0, 1]), "validation": np.array([], int), "test": np.array([2])}
        >>> split = SplitTable(frame, {"y": np.array([0, 1, -1])}, rows, [])
        >>> split["test"]["x"].to_list(), split.n_rows["validation"], split.coverage["y"]
        ([2], 0, {'train': 2, 'validation': 0, 'test': 0})
    """

    frame: pl.DataFrame
    labels: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray]
    left_out: list[str]
    table: TypedTable | None = None

    @classmethod
    def of(cls, configuration: Configuration, fold: Fold | None = None) -> Self:
        """Read and divide the table of a configuration.

        Args:
            configuration: the configuration.
            fold: of cross-validation, whose rows are the test in place of a share.

        Raises:
            DataError: the table cannot be read or divided.
            ConfigError: folds are asked for where something else says which rows are tested.
        """
        table, given = configuration.tables()
        if fold is not None and "test" in given:
            raise ConfigError(
                "Folds make every labelled row a test row once, and data has a test table of its own: leave "
                "out one of the two."
            )
        split = configuration.split
        with rows_counted_in(table.rows, table.tables):
            labels = strata(table.frame, configuration.learner.tasks)
        left_out = [*split.columns, *([] if table.source is None else [table.source])]
        n_rows = table.height - sum(len(rows) for rows in given.values())
        if given:
            # What a part has a table of its own for is not split off the others'.
            split = copy.copy(split)
            split.validation = 0.0 if "validation" in given else split.validation
            split.test = 0.0 if "test" in given else split.test
        sources = {name: own[own < n_rows] for name, own in rows_of_sources(table).items()}
        rows = split_rows(
            table.frame[:n_rows],
            split,
            configuration.learner.seed,
            {task: codes[:n_rows] for task, codes in labels.items()},
            sources={name: own for name, own in sources.items() if len(own)},
            fold=fold,
        )
        for part, own in given.items():
            has = [(codes[own] >= 0).reshape(len(own), -1).any(axis=1) for codes in labels.values()]
            labelled = np.any(has, axis=0)
            rows[part], rows["unused"] = own[labelled], np.concatenate([rows["unused"], own[~labelled]])
        return cls(table.frame, labels, rows, left_out, table=table)

    def __getitem__(self, part: str) -> pl.DataFrame:
        """Return the rows of a part."""
        return self.frame[self.rows[part]]

    def typed(self, part: str) -> TypedTable:
        """Return the rows of a part with the types that the columns have in the whole table."""
        table = self.table or TypedTable.read(self.frame)
        return table[self.rows[part]]

    def places(self, part: str) -> tuple[np.ndarray, str]:
        """Return how each row of a part is called, and the name of the table that all these are of.

        A row is called by its number in its own table, counted from 0, with the name of that if the part has
        rows of several tables. The name is "" where there is one table, or there are several.
        """
        tables = () if self.table is None else self.table.tables
        found = [row_in_its_table(row, tables) for row in self.rows[part].tolist()]
        names = {name for _, name in found}
        of_one = len(names) < 2
        called = [row if of_one else f"{row} of {name}" for row, name in found]
        return np.array(called, dtype=object), names.pop() if len(names) == 1 else ""

    @cached_property
    def n_rows(self) -> dict[str, int]:
        """Part -> number of rows."""
        return {part: len(rows) for part, rows in self.rows.items()}

    @cached_property
    def coverage(self) -> dict[str, dict[str, int]]:
        """Task -> part -> number of rows with a label."""
        return {
            task: {part: _n_labelled(codes[self.rows[part]]) for part in LABELLED_PARTS}
            for task, codes in self.labels.items()
        }

    @cached_property
    def by_source(self) -> dict[str, dict[str, dict[str, int]]]:
        """Source -> task with labels there -> part -> rows with a label; {} where there is one source."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        sources = {} if self.table is None else rows_of_sources(self.table)
        for source, own in sources.items():
            for task, codes in self.labels.items():
                counts = {
                    part: _n_labelled(codes[np.intersect1d(self.rows[part], own)]) for part in LABELLED_PARTS
                }
                if any(counts.values()):
                    found.setdefault(source, {})[task] = counts
        return found

    def fingerprint(self, *parts: str) -> str:
        """Return a hash of all cells of these parts and of the files that they name."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(f"{part} {self.n_rows[part]}\n".encode())
            digest.update(_without_bytes(self[part]).write_ndjson().encode())
            digest.update(hash_of_files(self[part]).encode())
        return digest.hexdigest()[:16]

    def require_labels(self) -> None:
        """Raise `DataError` if a task has no label to learn from."""
        for task, counts in self.coverage.items():
            if counts["train"] == 0:
                raise DataError(
                    f"Task {task!r} has no label among the training rows ({dict(counts)}): change the split, "
                    "or leave the task out."
                )

    def require_rows(self, what: str, *parts: str) -> None:
        """Raise `DataError` if one of these parts has no row; `what` needs it."""
        for part in parts:
            if not self.n_rows[part]:
                raise DataError(f"{what} needs {part} rows, and the split leaves none: change split.")


def _n_labelled(codes: np.ndarray) -> int:
    """Return the number of rows with a label; −1 is none."""
    labelled = codes >= 0 if codes.ndim == 1 else (codes >= 0).any(axis=1)
    return int(np.count_nonzero(labelled))


def _without_bytes(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose cells of bytes, such as pictures, are their hashes: JSON has no bytes."""
    with_bytes = [column for column in frame.iter_columns() if "Binary" in str(column.dtype)]
    return frame.with_columns(
        pl.Series(
            column.name, [None if cell is None else _hash(cell) for cell in column.to_list()], pl.String
        )
        for column in with_bytes
    )


def _hash(cell: object) -> str:
    text = json.dumps(cell, default=lambda one: hashlib.sha256(one).hexdigest())
    return hashlib.sha256(text.encode()).hexdigest()
