"""The folder of a comparison: what is there, what is missing, what failed, who works on what."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, final

import polars as pl

from cotrain._base import paths_below
from cotrain.comparison._checked_files import read_record
from cotrain.comparison._folds import all_tested, splits_of_folds
from cotrain.comparison._methods import Trial
from cotrain.comparison._network_jobs import train_cell
from cotrain.comparison._status_file import Status
from cotrain.comparison._tree_jobs import train_trees
from cotrain.configuration import describe
from cotrain.data import TypedTable
from cotrain.data._file_paths import hash_of_files
from cotrain.jobs import Leases, PoolJob, Where, run_jobs
from cotrain.learner import Configuration, SplitTable

#: Seconds after which nobody is still writing a file.
OLD = 3600.0
PARTS = ("train", "validation", "test", "unlabelled")


@final
@dataclass(frozen=True)
class Running:
    """A job that a process works on.

    Args:
        title: what a person calls it.
        host: the machine.
        status: how far it is; `None` where that is not known.

    Example:
        >>> Running("MMoE, seed 0", "here", None).title
        'MMoE, seed 0'
    """

    title: str
    host: str
    status: Status | None


class Progress(Protocol):
    """Is told how the grid fills.

    Example:
        >>> class Count:
        ...     jobs = 0
        ...     def total(self, jobs): ...
        ...     def done(self, title, reason, where):
        ...         self.jobs += 1
        ...     def running(self, jobs): ...
        >>> progress: Progress = Count()
        >>> progress.done("joint, seed 0", None, "here")
        >>> progress.jobs
        1
    """

    def total(self, jobs: int) -> None:
        """So many jobs are to be done in all, kept ones included."""

    def done(self, title: str, reason: str | None, where: Where) -> None:
        """A job has ended or has failed for a reason, and where."""

    def running(self, jobs: Sequence[Running]) -> None:
        """These jobs are being done now, here and elsewhere."""


@final
@dataclass(frozen=True)
class GridData:
    """The rows of a comparison, a file for each part of the split.

    Args:
        folder: of the files, which bears their key.
        key: names their content, and that of the files that they name.
        left_out: columns that are neither inputs nor targets.
        coverage: task -> part -> labelled rows.
        n_rows: part -> rows.
        name: of a fold; "" where there is one division of the rows.
    """

    folder: Path
    key: str
    left_out: list[str]
    coverage: dict[str, dict[str, int]]
    n_rows: dict[str, int]
    name: str = ""

    @classmethod
    def write(cls, split: SplitTable, folder: Path, title: str = "") -> Self:
        """Write each part to a file of its own, in a folder that these rows alone have.

        Another comparison in the same folder that divides them otherwise, or finds other rows, may begin
        while fits of this one still go on, and these must not read its rows.

        Args:
            split: the rows.
            folder: gets a folder named by their key.
            title: of a fold.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # What is no input stands in the files like any other column.
        digest = hashlib.sha256(json.dumps(sorted(split.left_out)).encode())
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=folder) as temporary:
            for name in PARTS:
                path, part = Path(temporary) / f"{name}.parquet", split.typed(name)
                # The rows are the same wherever their files lie.
                tables, part.tables = part.tables, ()
                part.write_parquet(path)
                digest.update(path.read_bytes())
                digest.update(hash_of_files(part.frame).encode())
                if tables:
                    part.tables = tables
                    part.write_parquet(path)
            key = digest.hexdigest()[:16]
            place = folder / key
            place.mkdir(exist_ok=True)
            for name in PARTS:
                os.replace(Path(temporary) / f"{name}.parquet", place / f"{name}.parquet")
        return cls(
            place, key, left_out=split.left_out, coverage=split.coverage, n_rows=split.n_rows, name=title
        )

    def train(self) -> pl.DataFrame:
        """Return the training rows."""
        return TypedTable.read(self.folder / "train.parquet").frame


@final
@dataclass(frozen=True)
class Grid:
    """The folder of a comparison, and who fills it.

    Args:
        configuration: the configuration.
        folder: of the comparison; processes that share it share the work.
        workers: processes at a time.
        progress: is told.
        leases: who works on what.
        data: the rows.
        folds: the rows divided as each fold does, where there are folds.
        old_failures: failure files of earlier attempts.
        failed: name of a job -> why.
    """

    configuration: Configuration
    folder: Path
    workers: int
    progress: Progress
    leases: Leases
    data: GridData
    old_failures: dict[Path, int]
    folds: tuple[GridData, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        configuration: Configuration,
        folder: Path,
        workers: int,
        progress: Progress,
        *,
        n_folds: int | None = None,
    ) -> Self:
        """Split the table and write each part to a file of its own."""
        folds = [] if n_folds is None else splits_of_folds(configuration, n_folds)
        split = all_tested(folds) if folds else SplitTable.of(configuration)
        for one in folds or [split]:
            one.require_labels()
            one.require_rows("A comparison", "validation", "test")
        folder.mkdir(parents=True, exist_ok=True)
        _remove_old_leftovers(folder)
        return cls(
            configuration=configuration,
            folder=folder,
            workers=workers,
            progress=progress,
            leases=Leases(folder / "leases"),
            data=GridData.write(split, folder / "parts"),
            folds=tuple(
                GridData.write(one, folder / "parts" / f"fold-{number}", f", fold {number}")
                for number, one in enumerate(folds, start=1)
            ),
            old_failures=_failures_of(folder),
        )

    def divisions(self) -> list[Self]:
        """Return the grid as each fold fills it; itself where there are none."""
        return [replace(self, data=data, folds=()) for data in self.folds] or [self]

    def train(self, cells: Sequence[Trial]) -> None:
        """Fit the cells that are not there yet."""
        titles = {cell.key: cell.title + self.data.name for cell in cells}
        self.failed.update(self._run([self._job(cell) for cell in cells], titles))

    def run(self, jobs: Sequence[PoolJob]) -> dict[str, str]:
        """Do the jobs whose output is not there yet; return name -> reason of those that failed."""
        return self._run(jobs, {job.name: job.name + self.data.name for job in jobs})

    def record(self, cell: Trial) -> dict[str, Any]:
        """Return what a cell has written; nothing if it failed."""
        path = self.place(cell) / "cell.json"
        return read_record(path) if path.exists() else {}

    def place(self, cell: Trial) -> Path:
        """Return the folder of a cell."""
        return self.folder / "cells" / cell.key

    def best(self, cells: Sequence[Trial]) -> Trial | None:
        """Return the cell with the best score on the validation rows; `None` if all have failed."""
        scores = {cell: self.record(cell).get("score") for cell in cells}
        known = {cell: score for cell, score in scores.items() if score is not None}
        return max(known, key=lambda cell: known[cell]) if known else None

    def _job(self, cell: Trial) -> PoolJob:
        place = self.place(cell)
        arguments: dict[str, Any] = {
            "parts": str(self.data.folder),
            "folder": str(place),
            "config": cell.config,
            "left_out": self.data.left_out,
        }
        if cell.fitted == "trees":
            arguments |= {"task": cell.tasks[0], "learning_rate": cell.learning_rate}
            return PoolJob(cell.key, train_trees, place / "cell.json", arguments)
        arguments |= {"pooled": cell.fitted == "pooled", "split": describe(self.configuration.split)}
        return PoolJob(cell.key, train_cell, place / "cell.json", arguments)

    def _run(self, jobs: Sequence[PoolJob], titles: Mapping[str, str]) -> dict[str, str]:
        for job in jobs:
            job.output.parent.mkdir(parents=True, exist_ok=True)
        observer = _ProgressObserver(self.progress, self.leases, jobs, titles)
        return run_jobs(jobs, self.workers, self.leases, observer, old_failures=self.old_failures)


class _ProgressObserver:
    """Tells a `Progress` what happens to jobs, by their titles."""

    def __init__(
        self, progress: Progress, leases: Leases, jobs: Sequence[PoolJob], titles: Mapping[str, str]
    ) -> None:
        self.progress, self.leases, self.titles = progress, leases, titles
        self.jobs = {job.lease: job for job in jobs}

    def done(self, job: PoolJob, reason: str | None, where: Where) -> None:
        self.progress.done(self.titles[job.name], reason, where)

    def poll(self) -> None:
        owners = self.leases.owners()
        self.progress.running(
            [
                Running(self.titles[job.name], owners[lease], Status.read(job.output.parent))
                for lease, job in self.jobs.items()
                if lease in owners
            ]
        )


def short_key(values: object, folder: Path) -> str:
    """Return what names plain values, the same wherever the folder of the comparison is mounted."""
    text = json.dumps(values, sort_keys=True, default=str).replace(str(folder), "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _failures_of(folder: Path) -> dict[Path, int]:
    """Return the files that say why a job has failed, with the times of their last change."""
    found = {}
    for path in paths_below(folder, "*.failed"):
        # Another process may just have done the job.
        with contextlib.suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime_ns
    return found


def _remove_old_leftovers(folder: Path) -> None:
    """Delete what killed processes left half-written; what is young another one may be writing right now."""
    for leftover in list(paths_below(folder, ".*.part")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime <= OLD:
                continue
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink()
