"""Fit every cell of a contest's grid, then look at the test rows once, and judge."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, final

import polars as pl

from cotrain._base import DataError, RunError
from cotrain.comparison._contenders import (
    SINGLE_TASK,
    Cell,
    Contender,
    contenders,
    learning_rates,
)
from cotrain.comparison._contest import Contest
from cotrain.comparison._pool import PoolJob, run_jobs
from cotrain.comparison._results import Entry, results_of
from cotrain.comparison._run_job import label_coverage, require_labels, versions
from cotrain.comparison._workers import compare_scores, score_networks, score_trees, train_cell
from cotrain.data import read_table, split_rows, strata
from cotrain.learner import Job, construct_class
from cotrain.training import remove_leftovers, write_atomically, write_text_atomically

RESULTS = "results.json"
PARTS = ("train", "validation", "test", "unlabelled")


class Progress(Protocol):
    """Is told how the grid fills."""

    def total(self, jobs: int) -> None:
        """So many jobs are to be done in all, kept ones included."""

    def done(self, title: str, reason: str | None, kept: bool) -> None:
        """A job has ended, has failed for a reason, or was there already."""


def compare(job: Job, folder: Path, *, workers: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Compare ways of training under the same budget, splits and seeds, and return plain results.

    Every finished cell is kept in `folder`: a comparison that was stopped, at any moment and in any way,
    goes on where it was. Fits get files with training and validation rows only; learning rates and the
    winner are chosen on validation rows; the test rows are read once for each finished contender.

    Args:
        job: the configuration with its `compare` section.
        folder: gets cells, results.json and config.yaml.
        workers: processes at a time, with one thread each.
        progress: is told how it goes.

    Raises:
        ConfigError: the `compare` section is wrong.
        DataError: the data cannot be learned from.
        RunError: nothing could be compared, with the reasons.
    """
    started = time.monotonic()
    contest = construct_class(Contest, job.compare, "compare")
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    grid = _Grid.open(job, folder, workers, progress or _Silent())
    entrants = contenders(job.learner, contest)
    rates = learning_rates(job.learner, contest)
    seeds = [job.learner.seed + number for number in range(contest.seeds)]
    n_trees = int("trees" in contest.references)
    n_methods = len({entrant.method for entrant in entrants})
    grid.progress.total(len(entrants) * (len(rates) + len(seeds) - 1) + 2 * n_methods - 1 + n_trees)

    swept = {entrant: [entrant.cell(rate, seeds[0], grid.data) for rate in rates] for entrant in entrants}
    grid.train([cell for cells in swept.values() for cell in cells])
    chosen = {entrant: grid.best(cells) for entrant, cells in swept.items()}
    repeated = {
        entrant: [entrant.cell(cell.learning_rate, seed, grid.data) for seed in seeds]
        for entrant, cell in chosen.items()
        if cell is not None
    }
    grid.train([cell for cells in repeated.values() for cell in cells[1:]])
    entries = _entries(grid, entrants, swept, chosen, repeated)
    names = [task.name for task in job.learner.tasks]
    _score(grid, entries, names, bool(n_trees))
    results = results_of(job, entries, grid.parts, grid.left_out, seeds, rates)
    results |= {
        "coverage": grid.coverage,
        "n_rows": grid.n_rows,
        "seconds": round(time.monotonic() - started, 1),
        "versions": versions(),
    }
    write_text_atomically(folder / RESULTS, json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    return results


def _entries(
    grid: _Grid,
    entrants: list[Contender],
    swept: Mapping[Contender, list[Cell]],
    chosen: Mapping[Contender, Cell | None],
    repeated: Mapping[Contender, list[Cell]],
) -> list[Entry]:
    """Put contenders together to methods: the single-task networks are one."""
    methods: dict[str, Entry] = {}
    for entrant in entrants:
        entry = methods.setdefault(entrant.method, Entry(entrant.method, entrant.method == SINGLE_TASK))
        of = entrant.tasks[0] if entry.is_reference else ""
        entry.sweeps[of] = {f"{c.learning_rate:g}": grid.record(c).get("score") for c in swept[entrant]}
        cells = repeated.get(entrant, swept[entrant])
        reasons = [grid.failed[cell.key] for cell in cells if cell.key in grid.failed]
        if reasons and (chosen[entrant] is None or entrant in repeated):
            entry.failed = f"{of}: {reasons[0]}" if of else reasons[0]
            continue
        entry.learning_rates[of] = cells[0].learning_rate
        for number, cell in enumerate(cells):
            record = grid.record(cell)
            entry.seconds += record["seconds"]
            entry.scores.setdefault(number, []).append(record["score"])
            model = str(grid.folder / "cells" / cell.key / "model")
            entry.models.setdefault(number, {}).update(dict.fromkeys(entrant.tasks, model))
    return list(methods.values())


def _score(grid: _Grid, entries: list[Entry], names: list[str], with_trees: bool) -> None:
    """Read the test rows for each finished contender, then compare with the single-task networks."""
    learner = grid.job.learner.config()
    common = {"parts": str(grid.parts), "config": learner, "left_out": grid.left_out}
    jobs: list[PoolJob] = []
    finished = [entry for entry in entries if entry.failed is None]
    for entry in finished:
        models = [entry.models[number] for number in sorted(entry.models)]
        entry.arrays = grid.folder / "test" / f"{_key([grid.data, models])}.npz"
        arguments = {
            "parts": str(grid.parts), "output": str(entry.arrays), "models": models, "tasks": names
        }  # fmt: skip
        jobs.append(PoolJob(f"test of {entry.method}", score_networks, arguments))
    if with_trees:
        trees = Entry("trees", True)
        trees.arrays = grid.folder / "test" / f"{_key([grid.data, learner, 'trees'])}.npz"
        entries.append(trees)
        jobs.append(PoolJob("test of trees", score_trees, {**common, "output": str(trees.arrays)}))
    _note_failures(grid.run(jobs), entries)
    single = next(entry for entry in entries if entry.method == SINGLE_TASK)
    if single.failed is not None or single.arrays is None:
        return
    jobs = []
    for entry in finished:
        if entry is not single and entry.failed is None and entry.arrays is not None:
            n_seeds = len(entry.models)
            entry.differences = entry.arrays.with_name(
                f"{_key([str(entry.arrays), str(single.arrays)])}.json"
            )
            arguments = {
                **common, "output": str(entry.differences), "scores": str(entry.arrays),
                "single": str(single.arrays), "n_seeds": n_seeds,
            }  # fmt: skip
            jobs.append(PoolJob(f"verdict on {entry.method}", compare_scores, arguments))
    _note_failures(grid.run(jobs), entries)


def _note_failures(failed: Mapping[str, str], entries: list[Entry]) -> None:
    for entry in entries:
        for what in ("test of", "verdict on"):
            entry.failed = failed.get(f"{what} {entry.method}", entry.failed)


@final
@dataclass
class _Grid:
    """The folder of a comparison: what is there, what is missing, what failed."""

    job: Job
    folder: Path
    workers: int
    progress: Progress
    parts: Path
    data: str
    left_out: list[str]
    coverage: dict[str, dict[str, int]]
    n_rows: dict[str, int]
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, job: Job, folder: Path, workers: int, progress: Progress) -> _Grid:
        """Split the table and write each part to a file of its own."""
        frame = read_table(job.data, job.query)
        labels = strata(frame, job.learner.tasks)
        rows = split_rows(frame, job.split, job.learner.seed, labels)
        coverage = label_coverage(labels, rows)
        require_labels(coverage)
        for name in ("validation", "test"):
            if not len(rows[name]):
                raise DataError(f"A comparison needs {name} rows, and the split leaves none: change split.")
        parts = folder / "parts"
        digest = hashlib.sha256()
        for name in PARTS:
            path = parts / f"{name}.parquet"
            write_atomically(path, _writer(frame[rows[name]]))
            digest.update(path.read_bytes())
        left_out = [column for column in (job.split.column, job.split.group) if column is not None]
        n_rows = {name: len(of) for name, of in rows.items()}
        data = digest.hexdigest()[:16]
        return cls(job, folder, workers, progress, parts, data, left_out, coverage, n_rows)

    def train(self, cells: list[Cell]) -> None:
        """Fit the cells that are not there yet."""
        jobs = [
            PoolJob(
                cell.key,
                train_cell,
                {
                    "parts": str(self.parts),
                    "folder": str(self.folder / "cells" / cell.key),
                    "config": cell.config,
                    "left_out": self.left_out,
                },
            )
            for cell in cells
        ]
        titles = {cell.key: cell.title for cell in cells}
        self.failed |= self._run(jobs, titles, {key: self._path(key) for key in titles})

    def run(self, jobs: list[PoolJob]) -> dict[str, str]:
        """Do the jobs whose output is not there yet."""
        outputs = {job.name: Path(job.arguments["output"]) for job in jobs}
        return self._run(jobs, {job.name: job.name for job in jobs}, outputs)

    def record(self, cell: Cell) -> dict[str, Any]:
        """Return what a cell has written; nothing if it failed."""
        path = self._path(cell.key)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def best(self, cells: list[Cell]) -> Cell | None:
        """Return the cell with the best score on the validation rows; `None` if all have failed."""
        scores = {cell: self.record(cell).get("score") for cell in cells}
        known = {cell: score for cell, score in scores.items() if score is not None}
        return max(known, key=lambda cell: known[cell]) if known else None

    def _path(self, key: str) -> Path:
        return self.folder / "cells" / key / "cell.json"

    def _run(
        self, jobs: list[PoolJob], titles: Mapping[str, str], outputs: Mapping[str, Path]
    ) -> dict[str, str]:
        for job in jobs:
            outputs[job.name].parent.mkdir(parents=True, exist_ok=True)
            if outputs[job.name].exists():
                self.progress.done(titles[job.name], None, True)
        missing = [job for job in jobs if not outputs[job.name].exists()]
        return run_jobs(
            missing, self.workers, lambda job, reason: self.progress.done(titles[job.name], reason, False)
        )


class _Silent:
    """Tells nobody."""

    def total(self, jobs: int) -> None:
        """Do nothing."""

    def done(self, title: str, reason: str | None, kept: bool) -> None:
        """Do nothing."""


def _writer(frame: pl.DataFrame) -> Callable[[str], object]:
    return frame.write_parquet


def _key(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def require_finished(results: Mapping[str, Any]) -> None:
    """Raise with the reasons if no contender has finished.

    Raises:
        RunError: all have failed.
    """
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    if len(failed) == len(results["methods"]):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise RunError(f"Every contender has failed: {reasons}.")
