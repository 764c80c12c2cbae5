"""Train what a configuration asks for, and compare it on the test rows with honest references."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import strict_json, versions, write_lock, write_text_atomically
from cotrain.comparison._equal_sides import some_inputs
from cotrain.comparison._trees_table import trees_table
from cotrain.comparison._unfinished import unfinished_tasks
from cotrain.comparison._verdict import OneSeed, verdicts
from cotrain.comparison.runs._answer_tests import AnswerTest, answer_tests
from cotrain.comparison.runs._disagreements import disagreements_of
from cotrain.comparison.runs._examples import write_examples
from cotrain.comparison.runs._importance import importance_of
from cotrain.comparison.runs._result import RunResult, TaskVerdict
from cotrain.comparison.runs._sentences import sentences_of
from cotrain.comparison.runs._trees_beside import TreesBeside
from cotrain.evaluation import EvaluationTable, delta_m_of, joined_tables
from cotrain.evaluation._tree_library import TreeLibrary
from cotrain.evaluation._trees import TREE_LIBRARIES
from cotrain.learner import METRICS, Configuration, Learner, SplitTable
from cotrain.learner._ensemble import networks
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner
from cotrain.learner._run_folder import seal_run
from cotrain.learner._single_task import single_task_learners, with_equal_steps
from cotrain.training import Logger, ProgressLogger, TensorBoardLogger
from cotrain.training._threads import using_threads
from cotrain.training._time_plan import seconds_of

Message = Callable[[str], None]


def train_run(
    configuration: Configuration,
    folder: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    progress: bool | None = None,
    beside: bool = False,
    message: Message | None = None,
) -> RunResult:
    """Read the data, split it, fit the learner into a run folder, fit the references, evaluate all of them.

    The test rows are looked at once, at the end.

    Args:
        configuration: the configuration.
        folder: the run folder.
        resume: go on with an interrupted run.
        overwrite: replace a run in the folder.
        tensorboard: log to `folder`/tensorboard as well.
        progress: show progress bars; `None`: if standard error is a terminal.
        beside: fit boosted trees in a process of their own meanwhile, where a core is spare. What is the main
            program is imported there again, as by all spawned processes.
        message: gets a line about each thing that begins.

    Raises:
        DataError: the data cannot be learned from.
        MissingExtraError: trees of a package that is not installed stand beside the networks or may answer.
        RunError: the folder holds a run that would be lost, or none to resume.

    Example:
        >>> import tempfile
        >>> import polars as pl
        >>> from cotrain.learner import Configuration
        >>> frame = pl.DataFrame({"x": [i % 7 for i in range(80)], "price": [i % 7 + 0.5 for i in range(80)]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.write_csv(f"{folder}/table.csv")
        ...     task = {"kind": "Regression", "name": "price"}
        ...     values = {"data": f"{folder}/table.csv", "tasks": [task], "training": {"epochs": 1}}
        ...     configuration = Configuration.from_config(values)
        ...     result = train_run(configuration, Path(folder) / "run", progress=False)
        >>> result.n_rows["train"], result.verdicts[0].task
        (56, 'price')
    """
    with write_lock(folder):
        outcome = _fit_and_compare(
            configuration,
            folder,
            _How(resume, overwrite, tensorboard, progress=progress, beside=beside),
            message or (lambda _: None),
        )
        write_text_atomically(folder / METRICS, strict_json(outcome.to_json(), indent=1) + "\n")
        seal_run(folder)
    return outcome


@final
@dataclass(frozen=True)
class _How:
    """How a run is trained; see `train_run`."""

    resume: bool
    overwrite: bool
    tensorboard: bool
    progress: bool | None
    beside: bool


def _fit_and_compare(configuration: Configuration, folder: Path, how: _How, message: Message) -> RunResult:
    if configuration.references != "constant":
        _library(configuration).require()
    clock = _Clock()
    split = SplitTable.of(configuration)
    split.require_labels()
    message(_coverage_line(split))
    clock.lap("read")
    with TreesBeside.begin(configuration, split, wanted=how.beside) as beside:
        if beside.beside is not None:
            message("Boosted trees are fitted beside the networks, in a process of their own.")
        return _compared(configuration, folder, how, split, message=message, clock=clock, beside=beside)


def _compared(
    configuration: Configuration,
    folder: Path,
    how: _How,
    split: SplitTable,
    *,
    message: Message,
    clock: _Clock,
    beside: TreesBeside,
) -> RunResult:
    validation, test = split["validation"], split["test"]
    limit = _joint_seconds(configuration)
    if limit is not None:
        n = len(configuration.learner.tasks) + 1
        size = configuration.learner.ensemble or 1
        what = "networks" if size == 1 else f"ensembles of {size} networks"
        message(f"{n} {what} of as many steps share the time limit: {limit:.3g} s for the joint one.")

    def fit(learner: Learner, title: str, run: Path | None) -> Learner:
        options = FitOptions(
            unlabelled=split.typed("unlabelled"),
            run=run,
            resume=how.resume and run is not None,
            overwrite=how.overwrite,
            progress=False,
            loggers=_loggers(title, how.progress, run if how.tensorboard else None),
            left_out=split.left_out,
            config=configuration.config() if run is not None else None,
            test=test if run is not None and test.height else None,
            dependence=configuration.split.dependence(validation),
            train_dependence=configuration.split.dependence(split["train"], split["unlabelled"]),
            time_limit=limit if run is not None else None,
            trees=beside.fitted if run is not None else dict,
        )
        held = split.typed("validation") if validation.height else None
        return fit_learner(learner, split.typed("train"), held, options)

    learner = fit(copy.deepcopy(configuration.learner), "all tasks", folder)
    clock.lap("train")
    if learner.fitted_result.health:
        message(f"Experts in the last epoch: {learner.fitted_result.health}")
    # What comes after is of the same size as a step, or smaller.
    with using_threads(learner.fitted_result.threads):
        singles = _singles(configuration, learner, split, fit, message=message)
        if configuration.references == "full":
            clock.lap("single_task")
        judged = _judged(configuration, learner, singles, split, message=message, clock=clock, beside=beside)
        write_examples(learner, split, folder, rows=configuration.keep_rows)
    return judged


def _judged(
    configuration: Configuration,
    learner: Learner,
    singles: Mapping[str, Learner],
    split: SplitTable,
    *,
    message: Message,
    clock: _Clock,
    beside: TreesBeside,
) -> RunResult:
    """Return what the test rows say of the networks that were fitted, and of trees."""
    test = split["test"]
    table, judged, answers = EvaluationTable([]), [], []
    if test.height:
        trees = _trees(configuration, learner, split, message, beside=beside)
        if len(trees):
            clock.lap("trees")
        dependence = configuration.split.dependence(test)
        table, judged, answers = _tested(learner, singles, trees, test, dependence=dependence)
    with_trees = configuration.references != "constant" or configuration.learner.answer == "auto"
    gain = delta_m_of(table) if singles and test.height else None
    return RunResult(
        table=table,
        verdicts=judged,
        delta_m=None if gain is None else gain.value,
        delta_m_sentence="" if gain is None else f"On this seed, not judged: {gain}",
        coverage=split.coverage,
        n_rows=split.n_rows,
        best_epoch={name: epoch + 1 for name, epoch in learner.fitted_result.best_epoch.items()},
        curves=_curves(learner),
        seconds=clock.laps,
        skipped=learner.fitted_result.skipped,
        diagnostics=_diagnostics(learner, test) if test.height else {},
        disagreements=disagreements_of(learner, test, split.places("test")[0]),
        versions=versions(*(_library(configuration).packages if with_trees else ())),
        by_source=split.by_source,
        answers=answers,
        thresholds=[one.sentence for one in learner.fitted.confidence.thresholds.values()],
        ensemble=_ensemble_sentence(learner, singles),
    )


def _library(configuration: Configuration) -> TreeLibrary:
    return TREE_LIBRARIES[configuration.learner.trees]


def _joint_seconds(configuration: Configuration) -> float | None:
    """Return the seconds of the joint fit where networks for each task alone come after it in one time limit.

    They take as many steps as the joint one, which are no longer than its own: each fit gets an equal share.
    `None`: there is no limit, or none of them to share it with.
    """
    learner = configuration.learner
    limit = learner.training.time_limit
    if limit is None or configuration.references != "full" or learner.answer == "auto":
        return None
    return seconds_of(limit) / (len(learner.tasks) + 1)


def _loggers(title: str, progress: bool | None, run: Path | None) -> list[Logger]:
    """Return who follows a fit: a bar if it is wanted, and TensorBoard for a run folder."""
    loggers: list[Logger] = [] if progress is False else [ProgressLogger(title=title)]
    return loggers if run is None else [*loggers, TensorBoardLogger(run / "tensorboard")]


def _singles(
    configuration: Configuration,
    learner: Learner,
    split: SplitTable,
    fit: Callable[[Learner, str, Path | None], Learner],
    *,
    message: Message,
) -> dict[str, Learner]:
    """Fit a network for each task alone, in as many steps as the joint one; those that are fitted stay."""
    singles = dict(learner._contenders.singles)
    if configuration.references != "full":
        return singles if len(singles) == len(learner.tasks) else {}
    inputs = some_inputs(configuration.learner, split["train"], split.left_out)
    for i, (task, single) in enumerate(single_task_learners(configuration.learner).items()):
        if task in singles:
            continue
        n_tasks = len(configuration.learner.tasks)
        what = networks(learner.ensemble, f"for {task} alone")
        message(f"Reference {i + 1} of {n_tasks}: {what}, as many steps.")
        n_labelled = split.coverage[task]["train"]
        budget = learner.fitted_result.budget
        if single.training.time_limit is not None and budget is not None:
            # As many steps as the joint network has come to take.
            single.training = single.training.fixed(replace(budget, select=single.training.select)).within(
                None
            )
        single.training = with_equal_steps(single.training, n_labelled, split.n_rows["train"], inputs)
        singles[task] = fit(single, task, None)
    return {task.name: singles[task.name] for task in configuration.learner.tasks}


def _trees(
    configuration: Configuration,
    learner: Learner,
    split: SplitTable,
    message: Message,
    *,
    beside: TreesBeside,
) -> EvaluationTable:
    """Return the test figures of boosted trees; nothing where they are not asked for or not possible."""
    if configuration.references == "constant" or learner.preprocessor.schema is None:
        return EvaluationTable([])
    title = _library(configuration).title
    message(f"Reference: gradient-boosted trees per target ({title}); words through a linear model of them.")
    train, validation, test = (split.typed(part) for part in ("train", "validation", "test"))
    fitted = beside.fitted()
    return trees_table(learner, train, validation, test, trees=learner._contenders.trees, fitted=fitted)


def _tested(
    learner: Learner,
    singles: Mapping[str, Learner],
    trees: EvaluationTable,
    test: pl.DataFrame,
    *,
    dependence: Mapping[str, np.ndarray],
) -> tuple[EvaluationTable, list[TaskVerdict], list[AnswerTest]]:
    """Return the test figures with the references beside them, and what follows for each task."""
    answered = learner.evaluate(test)
    has_answers = bool(learner.fitted.answers.of_task)
    table = learner.fitted.joint.evaluate(test) if has_answers else answered
    if len(trees):
        table = table.with_reference("trees", trees)
    alone = {task: single.fitted.outputs(test, figures=True)[task] for task, single in singles.items()}
    if singles:
        found = [single.evaluate(test) for single in singles.values()]
        table = table.with_reference("single_task", joined_tables(found))
    preprocessor = learner.preprocessor
    examples = preprocessor.examples(test)
    run = OneSeed(
        examples,
        table,
        learner.fitted.joint_outputs(examples.inputs),
        alone,
        constants=preprocessor.constants,
        dependence=dependence,
        unfinished=set().union(*(_unfinished(one) for one in (learner, *singles.values()))),
    )
    answers = []
    if has_answers:
        outputs = learner.fitted.outputs(test, figures=True)
        of_task = learner.fitted.answers.of_task
        answers = answer_tests(preprocessor.tasks, of_task, run, outputs=outputs, table=answered)
        table = table.with_reference("answer", answered)
    return table, verdicts(preprocessor.tasks, run), answers


def _curves(learner: Learner) -> dict[str, dict[str, Any]]:
    """Return what the history shows of each task, and which epoch of it is kept."""
    kept = learner.fitted_result.kept_epoch
    found = {}
    for task in learner.preprocessor.tasks:
        metric = task.chosen_metrics()[0]
        epoch = kept[task.name] + 1 if task.name in kept else None
        found[task.name] = {"metric": metric.name, "direction": metric.direction, "kept": epoch}
    return found


def _ensemble_sentence(learner: Learner, singles: Mapping[str, Learner]) -> str:
    """Say that each network is an ensemble; "" where it is not."""
    said = learner.fitted.ensemble_sentence
    return f"{said} So is each network for a task alone." if said and singles else said


def _unfinished(learner: Learner) -> dict[str, float]:
    """Return the tasks whose training was not finished; co-training has rounds of its own."""
    result = learner.fitted_result
    if learner.cotraining is not None or result.budget is None:
        return {}
    return unfinished_tasks(learner.preprocessor.tasks, result, result.budget.epochs, result.budget.select)


def _diagnostics(learner: Learner, test: pl.DataFrame) -> dict[str, dict[str, Any]]:
    records = learner.fitted.evaluation(test, diagnosis=True).records
    found = {name: of_task.diagnosis() for name, of_task in records.items()}
    for name, sentences in sentences_of(learner, test).items():
        found[name] = {**found[name], "sentences": sentences}
    for name, importance in importance_of(learner, test).items():
        found[name] = {**found[name], "importance": importance}
    return found


def _coverage_line(split: SplitTable) -> str:
    n_rows = split.n_rows
    labels = ", ".join(f"{task} {counts['train']:,}" for task, counts in split.coverage.items())
    without = n_rows["unlabelled"] + n_rows["unused"]
    line = (
        f"{split.frame.height} rows: {n_rows['train']} train, {n_rows['validation']} validation, "
        f"{n_rows['test']} test, {without} without any label. Training rows with a label: {labels}."
    )
    if split.by_source:
        teaching = "; ".join(f"{source}: {', '.join(tasks)}" for source, tasks in split.by_source.items())
        line += f" Sources and what they have labels for: {teaching}."
    return line


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now
