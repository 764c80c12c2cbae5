"""Fit every cell of a comparison's grid, then look at the test rows once, and judge."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cotrain._base import RunError, strict_json, versions, write_text_atomically
from cotrain._base._ragged import Leaves
from cotrain.comparison._all_folds import of_all_folds
from cotrain.comparison._answering import NO_TREES, TREES_FAILED, choose, score
from cotrain.comparison._difference_jobs import compare_scores
from cotrain.comparison._entry import Entry, winner_of
from cotrain.comparison._equal_sides import some_inputs
from cotrain.comparison._grid import Grid, Progress, Running, short_key
from cotrain.comparison._labels_a_step import note_on_few_labels
from cotrain.comparison._methods import (
    ANSWER,
    SINGLE_TASK,
    TREES,
    Method,
    Trial,
    learning_rates,
    methods_of,
    tree_learning_rates,
)
from cotrain.comparison._network_jobs import score_networks
from cotrain.comparison._results import results_of
from cotrain.comparison._settings import ComparisonSettings
from cotrain.comparison._tree_jobs import score_trees
from cotrain.configuration import construct_class, describe, foreign_kinds
from cotrain.data import TypedTable
from cotrain.evaluation._trees import TREE_LIBRARIES
from cotrain.jobs import PoolJob, Where
from cotrain.jobs._worker_process import require_guarded_main
from cotrain.learner import Configuration, Preprocessor
from cotrain.learner._answer_choice import ALONE, JOINT
from cotrain.learner._answer_choice import TREES as BOOSTED
from cotrain.learner._configuration import require_no_time_limit

RESULTS, CONFIG = "results.json", "config.yaml"
#: Labelled rows below which cross-validation is thought of.
FEW_ROWS = 1000
#: Counts the ways in which kept differences were ever computed, so that none of another way is taken.
STATISTIC = 8
#: Contender -> number of the seed -> the cells that tried each learning rate.
Swept = dict[Method, list[list[Trial]]]


def compare(
    configuration: Configuration, folder: Path, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Compare ways of training under the same budget, splits and seeds, and return plain results.

    Every finished cell is kept in `folder`: a comparison that was stopped, at any moment and in any way,
    goes on where it was; and several processes that are given the same folder, on one machine or on many,
    share the cells. Fits get files with training and validation rows only; learning rates and the winner are
    chosen on validation rows; the test rows are read once for each finished method.

    Args:
        configuration: the configuration with its `compare` section.
        folder: gets cells, results.json and config.yaml.
        workers: processes at a time, with one thread each.
        progress: is told how it goes.

    Raises:
        ConfigError: the `compare` section is wrong.
        DataError: the data cannot be learned from.
        MissingExtraError: trees of a package that is not installed stand beside the networks.
        RunError: nothing could be compared, with the reasons; or the script that calls this does so outside
            `if __name__ == "__main__":`, though worker processes load it anew.

    Example:
        `configuration` has `compare: {seeds: 3, sharing: [HardSharing, MMoE]}`, as for `cotrain compare`.

        >>> def winner(configuration: Configuration, folder: Path) -> str:
        ...     return compare(configuration, folder, workers=2)["chosen"]
    """
    started = time.monotonic()
    require_guarded_main("compare()")
    require_no_time_limit(configuration, "a comparison")
    settings = construct_class(ComparisonSettings, configuration.compare, "compare")
    library = TREE_LIBRARIES[configuration.learner.trees] if "trees" in settings.references else None
    if library is not None:
        library.require()
    seeds = [configuration.learner.seed + number for number in range(settings.seeds)]
    grid = Grid.open(configuration, folder, workers, progress or _Silent(), n_folds=settings.folds)
    try:
        _require_learnable(grid)
        _keep_config(configuration, folder, with_results=False)
        divisions = grid.divisions()
        rates = learning_rates(configuration.learner, settings, _some_inputs(grid))
        entrants = [_entrants(one, settings) for one in divisions]
        notes = [*entrants[0][1], *_note_on_folds(grid, settings)]
        asked = configuration.learner.answer == "auto"
        grid.progress.total(_n_jobs(entrants[0][0], len(rates), settings, len(divisions), asked=asked))
        swept = [
            _fit(one, of_one, rates=rates, seeds=seeds, settings=settings)
            for one, (of_one, _) in zip(divisions, entrants, strict=True)
        ]
        by_fold = [_entries(one, tried) for one, tried in zip(divisions, swept, strict=True)]
        winner = winner_of(of_all_folds(by_fold, folder))
        if asked:
            notes += _choose(divisions, by_fold, winner, settings)
        for one, entries in zip(divisions, by_fold, strict=True):
            _score(one, entries, winner)
        entries = of_all_folds(by_fold, folder)
        _compare(grid, entries)
    finally:
        grid.leases.close()
    results = results_of(
        configuration,
        entries,
        grid.data,
        seeds=seeds,
        rates=rates,
        smallest_effect=settings.smallest_effect,
    )
    results |= {
        "sweep": settings.sweep,
        "notes": notes + _note_on_tasks(results) + _note_on_steps(grid, results),
        "coverage": grid.data.coverage,
        "n_rows": grid.data.n_rows,
        "folds": settings.folds,
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds_of_fits": round(sum(_cpu_seconds(grid, tried) for tried in swept), 1),
        "versions": versions(*(library.packages if library is not None else ())),
    }
    _keep_config(configuration, folder, with_results=True)
    write_text_atomically(folder / RESULTS, strict_json(results, indent=1) + "\n")
    return results


def _require_learnable(grid: Grid) -> None:
    """Raise what every fit would raise about the columns and the targets, once and before the first."""
    learner = grid.configuration.learner
    train = TypedTable.read(grid.data.folder / "train.parquet")
    Preprocessor.fit(train, copy.deepcopy(learner.tasks), learner.columns, grid.data.left_out)


def _keep_config(configuration: Configuration, folder: Path, *, with_results: bool) -> None:
    """Write the configuration; beside results of another one it waits until these are replaced."""
    if with_results or not (folder / RESULTS).exists():
        config = yaml.safe_dump(configuration.config(), sort_keys=False, allow_unicode=True)
        write_text_atomically(folder / CONFIG, config)


def _some_inputs(grid: Grid) -> Leaves | None:
    return some_inputs(grid.configuration.learner, grid.data.train(), grid.data.left_out)


def _entrants(grid: Grid, settings: ComparisonSettings) -> tuple[list[Method], list[str]]:
    """Return everything that competes on these rows, with a sentence about each reference that cannot."""
    labelled = {task: parts["train"] for task, parts in grid.data.coverage.items()}
    learner, n_rows = grid.configuration.learner, grid.data.n_rows["train"]
    return methods_of(learner, settings, labelled, n_rows, inputs=_some_inputs(grid))


def _n_jobs(
    entrants: Sequence[Method], n_rates: int, settings: ComparisonSettings, n_folds: int, *, asked: bool
) -> int:
    """Return how many jobs there will be if none fails; who answers is chosen, tested and judged."""
    repeats = settings.seeds - 1
    again = repeats * n_rates if settings.sweep == "every_seed" else repeats
    n_cells = sum(n_rates + (0 if entrant.method == TREES else again) for entrant in entrants)
    n_methods = len({entrant.method for entrant in entrants})
    with_trees = any(entrant.method == TREES for entrant in entrants)
    return n_folds * (n_cells + n_methods + 2 * asked) + n_methods - 1 - with_trees + asked


def _note_on_tasks(results: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of tasks that the figures over all tasks leave out, or of there being one."""
    tasks, left_out = [task["name"] for task in results["tasks"]], results["left_out"]
    alone = f"{tasks[0]} is the only task, so that nothing is learned together: "
    notes = [f"{alone}beside single_task stands another architecture or way of training."]
    what = "delta_m, the worst task and the ranks leave out"
    return [
        *(notes if len(tasks) == 1 else []),
        *([f"{what} {', '.join(left_out)}: too few test labels to tell."] if left_out else []),
    ]


def _note_on_steps(grid: Grid, results: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of tasks that are hurt and have few labels a step; of all if delta_m is."""
    learner, n_rows = grid.configuration.learner, grid.data.n_rows["train"]
    labelled = {task: parts["train"] for task, parts in grid.data.coverage.items()}
    words = {verdict["task"]: verdict["word"] for verdict in results["verdicts"].get(results["chosen"], [])}
    over_all = results["verdicts_over_all"].get(results["chosen"]) or {}
    hurt = [task for task, word in words.items() if "hurt" in (word, over_all.get("word"))]
    return note_on_few_labels(learner, hurt, labelled, n_rows, inputs=_some_inputs(grid))


def _note_on_folds(grid: Grid, settings: ComparisonSettings) -> list[str]:
    """Return what is to be said of which rows were tested."""
    n_rows, split = grid.data.n_rows, grid.configuration.split
    if settings.folds is not None:
        return [
            f"{settings.folds} folds: each of the {n_rows['test']} labelled rows was a test row once, of "
            "fits that had not seen it."
        ]
    labelled = sum(n_rows[part] for part in ("train", "validation", "test"))
    if labelled >= FEW_ROWS or split.column is not None or split.time is not None:
        return []
    return [
        f"The test part has {n_rows['test']} of {labelled} labelled rows: with compare.folds=5 each of them "
        "would be a test row once, for five times the fits."
    ]


def _fit(
    grid: Grid,
    entrants: Sequence[Method],
    *,
    rates: Sequence[float],
    seeds: Sequence[int],
    settings: ComparisonSettings,
) -> Swept:
    """Fit everything and return the cells that were tried at each seed."""

    def cells(entrant: Method, seed: int, of: Sequence[float]) -> list[Trial]:
        return [entrant.cell(rate, seed, grid.data.key) for rate in of]

    swept: Swept = {}
    for entrant in entrants:
        tried = tree_learning_rates(len(rates)) if entrant.method == TREES else rates
        every = settings.sweep == "every_seed" and entrant.method != TREES
        swept[entrant] = [cells(entrant, seed, tried) for seed in (seeds if every else seeds[:1])]
    # By seed, so that what a first look at the results needs is there early.
    grid.train(
        [cell for number in range(len(seeds)) for tries in swept.values() for cell in _at(tries, number)]
    )
    if settings.sweep == "first_seed":
        for entrant, tries in swept.items():
            best = grid.best(tries[0])
            if best is not None and entrant.method != TREES:
                tries += [cells(entrant, seed, [best.learning_rate]) for seed in seeds[1:]]
        grid.train([cell for tries in swept.values() for cells in tries[1:] for cell in cells])
    return swept


def _cpu_seconds(grid: Grid, swept: Swept) -> float:
    """Return what all fits took, by whichever process and whenever."""
    cells = [cell for by_seed in swept.values() for tried in by_seed for cell in tried]
    return sum(grid.record(cell).get("cpu_seconds", 0.0) for cell in cells)


def _at(tries: Sequence[list[Trial]], number: int) -> list[Trial]:
    return tries[number] if number < len(tries) else []


def _entries(grid: Grid, swept: Swept) -> list[Entry]:
    """Put the entrants together to methods: the single-task networks are one, and so are the trees."""
    methods: dict[str, Entry] = {}
    for entrant, by_seed in swept.items():
        entry = methods.setdefault(entrant.method, Entry(entrant.method, entrant.is_reference))
        of = entrant.part
        for cell in (cell for cells in by_seed for cell in cells):
            scores = entry.sweeps.setdefault(of, {}).setdefault(f"{cell.learning_rate:g}", [])
            scores.append(grid.record(cell).get("score"))
        for number, cells in enumerate(by_seed):
            best = grid.best(cells)
            if best is None:
                reason = next((grid.failed[c.key] for c in cells if c.key in grid.failed), "no score")
                entry.failed = f"{of}: {reason}" if of else reason
                break
            record = grid.record(best)
            entry.seconds += record["seconds"]
            entry.scores.setdefault(number, []).append(record["score"])
            for task in entrant.tasks:
                share = record.get("unfinished", {}).get(task, 0.0)
                entry.unfinished.setdefault(task, []).append(share)
                entry.curves.setdefault(task, []).append(record.get("curves", {}).get(task, []))
            entry.learning_rates.setdefault(of, []).append(best.learning_rate)
            model = str(grid.place(best) / "model")
            entry.models.setdefault(number, {}).update(dict.fromkeys(entrant.tasks, model))
    return list(methods.values())


def _choose(
    divisions: Sequence[Grid],
    by_fold: Sequence[list[Entry]],
    winner: Entry | None,
    settings: ComparisonSettings,
) -> list[str]:
    """Add who answers to the methods, if every fold has somebody to choose; return what is to be said."""
    singles = [_named(entries, SINGLE_TASK) for entries in by_fold]
    if winner is None or None in singles:
        return ["answer: auto had nobody to choose from, because fits have failed."]
    with_trees = all(_named(entries, TREES) is not None for entries in by_fold)
    for one, entries, single in zip(divisions, by_fold, singles, strict=True):
        assert single is not None
        trees = _named(entries, TREES) if with_trees else None
        entries.append(choose(one, _method(entries, winner.method), single, trees))
    if "trees" not in settings.references:
        return [NO_TREES]
    tried = any(entry.method == TREES for entry in by_fold[0])
    return [TREES_FAILED] if tried and not with_trees else []


def _named(entries: Sequence[Entry], method: str) -> Entry | None:
    """Return a method that has not failed."""
    return next((entry for entry in entries if entry.method == method and entry.failed is None), None)


def _score(grid: Grid, entries: list[Entry], winner: Entry | None) -> None:
    """Read the test rows for each finished method."""
    learner = grid.configuration.learner.config()
    names = [task.name for task in grid.configuration.learner.tasks]
    parts, trusted = str(grid.data.folder), sorted(foreign_kinds(grid.configuration.config()))
    common = {"parts": parts, "config": learner, "left_out": grid.data.left_out}
    jobs: list[PoolJob] = []
    boosted, answer = _named(entries, TREES), _named(entries, ANSWER)
    for entry in [entry for entry in entries if entry.failed is None and entry is not answer]:
        if entry.method == TREES:
            rates = {task: rate for task, (rate,) in entry.learning_rates.items()}
            function, what = score_trees, {**common, "learning_rates": rates}
        else:
            models = [entry.models[number] for number in sorted(entry.models)]
            function, what = (
                score_networks,
                {"parts": parts, "models": models, "tasks": names, "trusted": trusted},
            )
        key = short_key([grid.data.key, entry.method, what], grid.folder)
        entry.arrays = grid.folder / "test" / f"{key}.npz"
        arguments = {**what, "output": str(entry.arrays)}
        jobs.append(PoolJob(f"test of {entry.method}", function, entry.arrays, arguments))
    _note_failures(grid.run(jobs), entries)
    if answer is not None and winner is not None:
        sides = {
            JOINT: _method(entries, winner.method),
            ALONE: _method(entries, SINGLE_TASK),
            BOOSTED: boosted,
        }
        score(grid, answer, sides)


def _method(entries: Sequence[Entry], method: str) -> Entry:
    return next(entry for entry in entries if entry.method == method)


def _compare(grid: Grid, entries: list[Entry]) -> None:
    """Say how far methods are from the single-task networks, some of them from trees or the winner too."""
    winner, learner = winner_of(entries), grid.configuration.learner
    common = {
        "parts": str(grid.data.folder), "config": learner.config(), "left_out": grid.data.left_out
    }  # fmt: skip
    single, boosted = _method(entries, SINGLE_TASK), _named(entries, TREES)
    if single.failed is not None or single.arrays is None:
        return
    jobs, split = [], describe(grid.configuration.split)
    for entry in entries:
        if entry.method in (SINGLE_TASK, TREES) or entry.failed is not None or entry.arrays is None:
            continue
        trees = boosted.arrays if entry is winner and boosted is not None else None
        joint = winner.arrays if entry.method == ANSWER and winner is not None else None
        files = [path and path.name for path in (entry.arrays, single.arrays, trees, joint)]
        name = f"{short_key([files, split, STATISTIC], grid.folder)}.json"
        entry.differences = entry.arrays.with_name(name)
        arguments = {
            **common, "output": str(entry.differences), "scores": str(entry.arrays),
            "single": str(single.arrays), "n_seeds": len(entry.models), "split": split,
            "trees": None if trees is None else str(trees), "joint": None if joint is None else str(joint),
        }  # fmt: skip
        jobs.append(PoolJob(f"verdict on {entry.method}", compare_scores, entry.differences, arguments))
    _note_failures(grid.run(jobs), entries)


def _note_failures(failed: Mapping[str, str], entries: list[Entry]) -> None:
    for entry in entries:
        for what in ("test of", "verdict on"):
            entry.failed = failed.get(f"{what} {entry.method}", entry.failed)


class _Silent:
    """Tells nobody."""

    def total(self, jobs: int) -> None:
        """Do nothing."""

    def done(self, title: str, reason: str | None, where: Where) -> None:
        """Do nothing."""

    def running(self, jobs: Sequence[Running]) -> None:
        """Do nothing."""


def require_finished(results: Mapping[str, Any]) -> None:
    """Raise with the reasons if no method has finished.

    Raises:
        RunError: all have failed.
    """
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    if len(failed) == len(results["methods"]):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise RunError(f"Every method has failed: {reasons}.")
