"""From a recipe and data to a fitted model, in a run folder where one is wanted."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError, remove_leftovers
from cotrain._base._inputs import PICTURE
from cotrain._base._ragged import Leaf, Ragged, padded_inputs
from cotrain.balancing import Balancer
from cotrain.cotraining import CoTraining
from cotrain.cotraining._entries import require_entries
from cotrain.data import ColumnChoice, MissingWords, TypedTable
from cotrain.data._frames import numbered_names
from cotrain.data.sources import Mixing
from cotrain.evaluation import BoostedTrees
from cotrain.learner._architecture import Architecture, require_pooled
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.learner._decisions import choose_thresholds
from cotrain.learner._ensemble import (
    has_mean,
    joined_results,
    joined_weights,
    member_folder,
    member_seed,
    sharing,
)
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._label_types import label_types
from cotrain.learner._output_columns import require_unique_outputs
from cotrain.learner._picture_changes import Augmentation, picture_changes
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._preset import Answer
from cotrain.learner._provenance import Provenance
from cotrain.learner._row_units import with_units
from cotrain.learner._run_folder import HISTORY, STATE, RunOptions, begin_run, seal_run, write_weights
from cotrain.learner._temperatures import taught_temperatures
from cotrain.learner._train_validation_split import divide
from cotrain.learner._unheeded import refuse_unheeded
from cotrain.learner._upright_labels import stretched_labels
from cotrain.networks import MultiTaskNetwork, OutputSpace
from cotrain.tasks import Task
from cotrain.training import (
    Examples,
    Fit,
    FitResult,
    FrozenNetworks,
    JsonLinesLogger,
    Logger,
    ProgressLogger,
    Training,
)
from cotrain.training._predict import outputs_of, rows_at_a_time
from cotrain.training._time_plan import seconds_of

#: What is called of a logger.
LOGGER_METHODS = [name for name in vars(Logger) if not name.startswith("_")]


class Recipe(Protocol):
    """What is fitted, and how."""

    tasks: list[Task]
    balancer: Balancer
    cotraining: CoTraining | None
    training: Training
    columns: dict[str, ColumnChoice]
    missing: MissingWords
    mixing: Mixing | None
    augmentation: Augmentation
    source: str | None
    answer: Answer | None
    ensemble: int | None
    seed: int

    @property
    def architecture(self) -> Architecture:
        """What the networks are made of."""
        ...

    def config(self) -> dict[str, Any]:
        """Return everything as plain values."""
        ...


@final
@dataclass(frozen=True)
class FitOptions:
    """What a fit may be told beside its recipe and its data.

    Args:
        unlabelled: a further table without labels, for co-training and reconstruction, beside such rows of
            the data.
        run: folder that gets the run while it goes on; `None`: nothing is written.
        resume: go on with the run in that folder.
        overwrite: replace the run in that folder.
        progress: show a progress bar; `None`: if standard error is a terminal.
        loggers: others who want to follow.
        left_out: columns that are neither inputs nor targets, such as the split.
        config: what to write as the run's configuration; `None`: that of the recipe.
        test: test rows, which nothing is learned from: a run that is gone on with must have the same.
        dependence: `groups` or `times` of the validation rows, by which `answer: auto` and co-training count
            them.
        train_dependence: the same of the training rows, which co-training holds out in folds, and of those
            without a label after them, which get none in a fold with rows of their group.
        time_limit: seconds that this fit may take, where it is one of several that share the recipe's limit;
            `None`: that of the recipe.
        trees: gives task -> trees that were fitted to these rows elsewhere; asked when they are needed.

    Raises:
        InvalidArgumentError: there is nothing to resume, or a logger lacks a method.
    """

    unlabelled: object = None
    run: str | Path | None = None
    resume: bool = False
    overwrite: bool = False
    progress: bool | None = None
    loggers: Iterable[Logger] = ()
    left_out: Sequence[str] = ()
    config: Mapping[str, Any] | None = None
    test: object = None
    dependence: Mapping[str, np.ndarray] = field(default_factory=dict)
    train_dependence: Mapping[str, np.ndarray] = field(default_factory=dict)
    time_limit: float | None = None
    trees: Callable[[], Mapping[str, BoostedTrees]] = dict

    def __post_init__(self) -> None:
        # Asked now: a round of co-training comes when the long part is over.
        object.__setattr__(self, "loggers", tuple(_complete(logger) for logger in self.loggers))
        if self.resume and self.run is None:
            raise InvalidArgumentError("fit(resume=True) needs run=...: the folder of the interrupted run.")


@final
class Fitting:
    """One fit, from the data to a model that can be used.

    Args:
        recipe: what is fitted.
        data: training rows.
        validation: rows to choose by, a share, or `None`.
        options: the rest.

    Raises:
        DataError: the data cannot be learned from.
        RunError: the run folder holds a run already, or none that fits.
    """

    def __init__(self, recipe: Recipe, data: object, validation: object, options: FitOptions) -> None:
        self.recipe = recipe
        if recipe.cotraining is not None:
            require_entries(recipe.tasks)
        self.folder = None if options.run is None else Path(options.run)
        train, held = divide(
            data,
            validation,
            recipe.tasks,
            recipe.seed,
            with_unlabelled=learns_without_labels(recipe),
            unlabelled=options.unlabelled,
            missing=recipe.missing,
            columns=recipe.columns,
            source=recipe.source,
        )
        refuse_unheeded(train, columns=recipe.columns, source=recipe.source, mixing=recipe.mixing)
        self.preprocessor, self.train = Preprocessor.fit(
            train,
            copy.deepcopy(recipe.tasks),
            recipe.columns,
            options.left_out,
            missing=recipe.missing,
            output_space=recipe.architecture.output_space,
            reads=recipe.architecture.reads,
            coding=recipe.architecture.coding,
        )
        self.train_table, self.held_table = train, held
        self.held = None if held is None else self.preprocessor.examples(held)
        self.train, n_units = with_units(self.train, options.train_dependence)
        if self.held is not None:
            self.held, _ = with_units(self.held, options.dependence, n_units)
        self.numbered = numbered_names(data)
        self.preprocessor.labels = label_types(data, self.preprocessor.tasks, self.preprocessor.table)
        outputs = {
            task.name: list(task.predict(_of_one_row(task, self.preprocessor.constants[task.name])))
            for task in self.preprocessor.tasks
        }
        require_unique_outputs(outputs)
        self.augment = picture_changes(recipe.augmentation, self.preprocessor.spec, self.preprocessor.tasks)
        for rows in (self.train, self.held):
            _require_consistent(recipe.architecture.output_space, rows)
        self.loggers = [*options.loggers, *ProgressLogger.wanted(options.progress)]
        if self.folder is not None:
            test = None if options.test is None else self.preprocessor.examples(options.test)
            config = recipe.architecture.written_into(options.config or recipe.config(), self.preprocessor)
            begin_run(
                RunOptions(self.folder, config, resume=options.resume, overwrite=options.overwrite),
                self.preprocessor.to_json(),
                {"train": self.train, "validation": self.held, "test": test},
            )
            self.loggers.insert(0, JsonLinesLogger(self.folder / HISTORY))
        self.resume = options.resume
        #: That the joint fit has taken; known when it is over.
        self.seconds = 0.0
        self.training = recipe.training.within(time_of(recipe, options))

    def run(self) -> tuple[FittedModel, FitResult]:
        """Fit, and write the weights before anything else can go wrong.

        Returns:
            the model, not yet calibrated; and how the supervised fit went.
        """
        self._tell_of_names()
        self._tell_of_rows_cut()
        self._tell_of_shapes()
        self._tell_of_blends()
        settings = self.recipe.cotraining
        stage = None if settings is None else self._stage(settings)
        n, averaged = self.recipe.ensemble or 1, self._averaged()
        model, results = self._members(n if averaged else 1, crossed=stage is not None)
        weights, weights_of = joined_weights(results, averaged)
        result, provenance = joined_results(results), Provenance()
        self.seconds = result.seconds or 0.0
        if stage is not None:
            weights, weights_of, provenance = stage.improve(result, self.train, self.held)
        networks = FrozenNetworks(model, weights, weights_of, self.preprocessor.tasks)
        if self.folder is not None:
            provenance.write(self.folder)
            write_weights(self.folder, networks.weights, networks.weights_of)
            self._seal(self.folder)
        return FittedModel(self.preprocessor, networks, provenance=provenance), result

    def _averaged(self) -> list[str]:
        """Return the tasks that all networks of an ensemble answer for, and tell of the others."""
        n = self.recipe.ensemble or 1
        averaged: list[str] = []
        for task in self.preprocessor.tasks if n > 1 else []:
            if has_mean(task, _of_one_row(task, self.preprocessor.constants[task.name])):
                averaged.append(task.name)
                continue
            kind = type(task).__name__
            self._tell(f"{task.name}: predictions of a {kind} have no mean: the first network answers alone.")
        return averaged

    def _members(self, n: int, *, crossed: bool) -> tuple[MultiTaskNetwork, list[FitResult]]:
        """Fit networks one after another, each in its share of the time that is left.

        Returns:
            the last one, and what came of each.
        """
        limit = self.training.time_limit
        left = None if limit is None else seconds_of(limit)
        results: list[FitResult] = []
        for number in range(n):
            if n > 1:
                self._tell(f"Network {number + 1} of {n}.")
            # One epoch is run in any case.
            share = None if left is None else max(left / (n - number), 0.01)
            fit = self._fit(number, self.training.within(share), crossed=crossed)
            result = fit.run()
            results.append(result if number == 0 else sharing(result, results[0]))
            left = None if left is None else left - (result.seconds or 0.0)
        return fit.model.cpu(), results

    def _fit(self, number: int, training: Training, *, crossed: bool) -> Fit:
        """Return the fit of one network, at the place where it was interrupted if it goes on."""
        recipe, tasks, seed = self.recipe, self.preprocessor.tasks, member_seed(self.recipe.seed, number)
        model = replace(recipe.architecture, seed=seed).build(self.preprocessor)
        for task, head in zip(tasks, model.heads, strict=True):
            task.start_head(head, self.train.targets[task.name], self.train.masks[task.name])
        if number == 0:
            _require_outputs(model, tasks, self.train)
            encoder = recipe.architecture.encoder_for(self.preprocessor)
            require_pooled(model, recipe.architecture.pooling, encoder, self.train.inputs)
            for rows in (self.train, self.held):
                _require_positions(model, tasks, rows)
        checkpoint, loggers = None, self.loggers
        if self.folder is not None:
            folder = member_folder(self.folder, number)
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            checkpoint = folder / STATE
            if number > 0:
                loggers = [JsonLinesLogger(folder / HISTORY), *loggers[1:]]
        fit = Fit(
            model,
            tasks,
            copy.deepcopy(recipe.balancer),
            training,
            train=self.train,
            validation=self.held,
            seed=seed,
            loggers=loggers,
            checkpoint=checkpoint,
            augment=self.augment,
            mixing=recipe.mixing,
            crossed=crossed,
        )
        if self.resume and checkpoint is not None and checkpoint.exists():
            fit.resume()
        return fit

    def calibrated(self, model: FittedModel) -> FittedModel:
        """Return the model with what the validation rows say of its confidence, and keep that as well.

        Its outputs are then divided by one temperature per task of classes. Where pseudo-labels were learned
        these say what is expected of it, and without validation rows what it is.
        """
        tasks, space = self.preprocessor.tasks, self.recipe.architecture.output_space
        around = taught_temperatures(
            tasks, model.networks, model.provenance, self.train.inputs, output_space=space
        )
        confidence = CalibratedConfidence(temperatures=around, thresholds=choose_thresholds(tasks, {}, None))
        if self.held is not None:
            settings = self.recipe.cotraining
            # Of pixels nothing is calibrated, and their outputs on all rows are large.
            of_rows = [task.name for task in self.preprocessor.tasks if task.reads == "vector"]
            confidence = CalibratedConfidence.learn(
                self.preprocessor.tasks,
                model.networks.outputs(self.held.inputs, of_rows),
                self.held,
                None if settings is None else settings.calibration,
                output_space=space,
                around=around,
            )
        if self.folder is not None:
            confidence.write(self.folder)
            self._seal(self.folder)
        for one in confidence.thresholds.values():
            self._tell(one.sentence)
        return model.with_confidence(confidence)

    def _seal(self, folder: Path) -> None:
        """Say that the run is whole, unless it is still to be chosen who answers."""
        if self.recipe.answer != "auto":
            seal_run(folder)

    def _tell(self, text: str) -> None:
        for logger in self.loggers:
            logger.message(text)

    def _tell_of_rows_cut(self) -> None:
        schema = self.preprocessor.schema
        for column in [] if schema is None else schema.columns:
            said = (
                f"column {column.name!r}: {column.cut:,} of the training rows have more {column.entries} "
                f"than are read; {column.cut_remark}"
            )
            if column.cut:
                self._tell(said)

    def _tell_of_shapes(self) -> None:
        if self.loggers and isinstance(self.train_table, TypedTable):
            pictures = [key.removeprefix(PICTURE) for key in self.preprocessor.spec.pictures]
            for remark in stretched_labels(self.preprocessor.tasks, pictures, self.train_table):
                self._tell(remark)

    def _tell_of_blends(self) -> None:
        remark = "" if self.augment is None else self.augment.remark(self.train.labelled())
        for logger in self.loggers if remark else []:
            logger.message(remark)

    def _tell_of_names(self) -> None:
        if self.numbered:
            shown = ", ".join(self.numbered[:5]) + (", ..." if len(self.numbered) > 5 else "")
            self._tell(f"columns with numbers for names are called by these as text: {shown}")

    def _stage(self, settings: CoTraining) -> CoTrainingStage:
        recipe = self.recipe
        labelled = int(self.train.labelled().any(dim=1).sum())
        budget = recipe.training.budget(labelled, self.train.inputs, n_tasks=len(recipe.tasks))
        return CoTrainingStage(
            settings,
            self.preprocessor,
            recipe.architecture,
            recipe.balancer,
            training=recipe.training.fixed(budget),
            mixing=recipe.mixing,
            augment=self.augment,
            seed=recipe.seed,
            folder=self.folder,
            loggers=self.loggers,
        )


def learns_without_labels(recipe: Recipe) -> bool:
    """Return whether anything is learned from rows without any label."""
    return recipe.cotraining is not None or recipe.training.reconstruction is not None


def time_of(recipe: Recipe, options: FitOptions) -> float | None:
    """Return the seconds that a joint fit may take; `None`: there is no limit.

    With `answer: auto` half of the limit is left to the networks for single tasks.
    """
    limit = recipe.training.time_limit
    if options.time_limit is not None or limit is None:
        return options.time_limit
    share = 0.5 if recipe.answer == "auto" and len(recipe.tasks) > 1 else 1.0
    return share * seconds_of(limit)


def _of_one_row(task: Task, constant: Tensor) -> Leaf:
    """Return a constant [O] as the output of one row, of one position where the task reads those."""
    if task.reads == "positions":
        return Ragged.from_rows([constant[None]])
    return task.constant_output(constant)


#: What a task's head reads -> axes and shape of its output for one row, and what the encoder must give.
_EXPECTED = {
    "vector": (2, "(1, {})", "[B, D], [B, S, D] or [B, D, H, W]"),
    "positions": (3, "(1, positions, {})", "[B, S, D]"),
    "map": (4, "(1, {}, height, width)", "a map [B, D, H, W], such as ConvNet"),
}


def _require_outputs(model: MultiTaskNetwork, tasks: Sequence[Task], rows: Examples) -> None:
    """Raise `InvalidArgumentError` if the network's outputs for a row are not what the tasks read."""
    try:
        outputs = outputs_of(model, {name: leaf[:1] for name, leaf in rows.inputs.items()})
    except RuntimeError as error:
        raise InvalidArgumentError(
            f"The network does not run on a row of this data ({str(error).splitlines()[0]}): see that the "
            "encoder reads its inputs, and that its stages give the widths that it says."
        ) from error
    for task in tasks:
        found = outputs[task.name]
        shape = (len(found), *found.values.shape) if isinstance(found, Ragged) else tuple(found.shape)
        axes, expected, takes = _EXPECTED[task.reads]
        if len(shape) != axes or shape[1 if axes == 4 else -1] != task.n_outputs:
            raise InvalidArgumentError(
                f"For one row the head of the task {task.name!r} gives {shape}, expected "
                f"{expected.format(task.n_outputs)}: take an encoder that gives {takes}."
            )


def _require_positions(model: MultiTaskNetwork, tasks: Sequence[Task], rows: Examples | None) -> None:
    """Raise `DataError` if a row has too few positions for its targets."""
    tasks = [task for task in tasks if task.reads == "positions" and not task.per_position]
    if rows is None or not tasks:
        return
    size = rows_at_a_time(rows.inputs, 1)
    for start in range(0, len(rows), size):
        part = rows.take(torch.arange(start, min(start + size, len(rows))))
        lengths = model.lengths(padded_inputs(part.inputs))
        for task in tasks:
            if task.name in lengths:
                task.require_positions(lengths[task.name], part.targets[task.name], part.masks[task.name])


def _require_consistent(output_space: OutputSpace | None, rows: Examples | None) -> None:
    """Raise `DataError` if labels contradict one another."""
    if output_space is not None and rows is not None:
        sentence = output_space.contradiction(rows.targets, rows.masks)
        if sentence:
            raise DataError(sentence)


def _complete(logger: Logger) -> Logger:
    """Return a logger whose absent methods do nothing, so that a class of before goes on to work.

    Raises:
        InvalidArgumentError: it has none of them.
    """
    given = {name: getattr(logger, name) for name in LOGGER_METHODS if callable(getattr(logger, name, None))}
    if not given:
        raise InvalidArgumentError(
            f"fit(loggers=...): {logger!r} has none of {', '.join(LOGGER_METHODS)}: derive it from "
            "cotrain.training.Logger, and write those that you care for."
        )
    if len(given) == len(LOGGER_METHODS):
        return logger
    silent = {name: lambda *_: None for name in LOGGER_METHODS}
    return cast("Logger", types.SimpleNamespace(**silent | given))
