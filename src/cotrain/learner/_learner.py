"""The facade: from a table to a fitted multi-task network that predicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self, final

from torch import Tensor
from torch.utils.data import Dataset

from cotrain._base import (
    CotrainError,
    InvalidArgumentError,
    RunError,
    check_choice,
    constructor_parameters,
    write_lock,
)
from cotrain.balancing import Balancer, ReferenceScaled
from cotrain.configuration import construct_class
from cotrain.configuration._registry import changed_parameters
from cotrain.cotraining import CoTraining
from cotrain.cotraining._entries import require_entries
from cotrain.data import ColumnChoice, Missing, MissingWords
from cotrain.data._frames import with_text_names
from cotrain.data.sources import Mixing
from cotrain.evaluation import EvaluationTable
from cotrain.evaluation._tree_library import TreeLibraryName
from cotrain.evaluation._trees import TREE_LIBRARIES
from cotrain.learner._answer_files import read_answers, write_answers
from cotrain.learner._architecture import Architecture, require_positions
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._contenders import Contenders, fit_contenders
from cotrain.learner._ensemble import require_ensemble
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._fitting import FitOptions, Fitting, learns_without_labels
from cotrain.learner._output_columns import require_unique_outputs
from cotrain.learner._picture_changes import Augmentation, require_augmentation
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._preset import Answer, Effort, Preset
from cotrain.learner._provenance import Provenance
from cotrain.learner._run_folder import (
    prepare_run_folder,
    read_config,
    read_schema,
    read_weights,
    seal_run,
    verify_run,
    write_config,
    write_schema,
    write_weights,
)
from cotrain.learner._single_task import single_task_learners
from cotrain.learner._size_check import require_sizes
from cotrain.networks import Encoder, HardSharing, OutputSpace, Sharing
from cotrain.networks._pooling import POOLINGS, Pooling
from cotrain.tasks import Task
from cotrain.training import FitResult, FrozenNetworks, Logger, Training

#: What reading plain values ends with that somebody has changed.
_DAMAGE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError, MemoryError)


@final
class Learner:
    """Learns several tasks together from one table and predicts them.

    A missing label is an unlabelled one: every row teaches the tasks it has labels for.

    Args:
        tasks: what to learn, with different names.
        encoder: the network from the inputs to a representation; default what suits the kinds of
            inputs: `WordEncoder` where there are columns of words, else `TableEncoder` (`default_encoder`).
        sharing: how the tasks share it; default `HardSharing()`.
        balancer: how much each task counts in a step; default `ReferenceScaled()`.
        cotraining: how the tasks label unlabelled cells for one another after that; default not at all.
        training: epochs, batch size, learning rate and so on; default `Training()`.
        head: widths of hidden layers in every task's head; default none.
        pooling: how the head of a task that reads one vector a row gets it where the encoder gives one for
            every position: their "mean", their "max" unit by unit, or a mean whose weights the task learns
            ("attention"). Where it gives one vector a row, as of a table, only "mean" is taken.
        output_space: how outputs are made of the heads', such as `ESMM`; default: each of its own.
        columns: input column -> kind ("number", "category", "tags", "vector", "date"), or "drop" to leave a
            column out; the others are inferred. With options of the kind it is a mapping, such as
            {"kind": "tags", "separator": "|"}.
        missing: words that mean an empty cell, one list or column -> list, "*" for the others; default those
            of pandas and "?".
        mixing: how many rows of each source a batch holds, where the data are several tables, or of each
            task's (`RepeatFactor()`); default `Proportional()`, and `RepeatFactor()` for pictures of which
            some have no boxes, masks or depths.
        sample_weight: a column of numbers ≥ 0 that says how much each row counts in the losses and figures of
            all tasks that name none of their own; it is no input. Default: all rows count alike.
        source: the column that names the source of each row, where one table holds several sources; where the
            data are a mapping of tables, the name of the column that they get. Default "source" there.
        augmentation: how pictures are moved and recoloured in training, with their masks and boxes: a
            `cotrain.training.PictureAugmentation`; "auto": with its defaults where the inputs have one column
            of pictures; `None`: not at all.
        answer: who answers in the end. "joint": the network that learned all tasks; "auto": for each task
            that one, a network for the task alone, boosted trees or a blend of them, whichever the validation
            rows prefer, the first of these among equally good ones (see `choose_answer`). The others are
            fitted as well, which takes about twice the time and more, and are kept with the run. `None`:
            "joint", or what the preset says.
        trees: whose boosted trees stand beside the networks, as a reference and where they may answer:
            "scikit-learn", or "lightgbm" (`pip install 'cotrain[trees]'`).
        ensemble: networks that are fitted to the same rows from different seeds, 1 to 100, and answer with
            the mean of their predictions: of probabilities for classes, of values for numbers, position by
            position and pixel by pixel. What has no mean (boxes, transcripts, sounds) is the first one's.
            There are as many for a single task, where such networks stand beside them. `None`: 1, or what the
            preset says. It is no setting of `training`, which is how one network is fitted.
        preset: how much work the fit is worth, in one word, instead of the arguments that it stands for.
            "fast": a quarter of the usual epochs (`epochs: fast`); "good": the defaults; "best":
            `answer: auto` and, without co-training, `ensemble: 3`. Any of these that is given stays as it is
            given.
        seed: names every random stream; equal seeds give equal results on equal machines.

    Raises:
        InvalidArgumentError: no tasks, or two of the same name, or the parts do not fit one another:
            co-training labels rows, words and pixels, so that no task of boxes goes with it.

    Example:
        >>> import cotrain as ct
        >>> import polars as pl
        >>> rows = range(40)
        >>> frame = pl.DataFrame({
        ...     "x": [i / 40 for i in rows],
        ...     "big": ["yes" if i >= 20 else "no" for i in rows],
        ...     "price": [2.0 * i if i % 2 else None for i in rows],
        ... })
        >>> learner = ct.Learner(
        ...     [ct.tasks.Binary("big"), ct.tasks.Regression("price")], training=ct.Training(epochs=2)
        ... )
        >>> learner.fit(frame, validation=0.25, progress=False).predict(frame).columns
        ['big', 'big_probability', 'price']
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        encoder: Encoder | None = None,
        sharing: Sharing | None = None,
        balancer: Balancer | None = None,
        cotraining: CoTraining | None = None,
        training: Training | None = None,
        head: Sequence[int] = (),
        pooling: Pooling = "mean",
        output_space: OutputSpace | None = None,
        columns: Mapping[str, ColumnChoice] | None = None,
        missing: MissingWords = None,
        mixing: Mixing | None = None,
        source: str | None = None,
        sample_weight: str | None = None,
        augmentation: Augmentation = "auto",
        answer: Answer | None = None,
        trees: TreeLibraryName = "scikit-learn",
        ensemble: int | None = None,
        preset: Preset = "good",
        seed: int = 0,
    ) -> None:
        names = [task.name for task in tasks]
        if not names:
            raise InvalidArgumentError("A Learner needs at least one task, got none.")
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InvalidArgumentError(f"Two tasks have the same name {twice[0]!r}: rename one.")
        self.tasks = list(tasks)
        if sample_weight is not None:
            self.tasks = [task.usually_weighted_by(sample_weight) for task in tasks]
        self.sample_weight = sample_weight
        self.encoder = encoder
        self.sharing = sharing or HardSharing()
        self.balancer = balancer or ReferenceScaled()
        if self.balancer.batches > 1:
            raise InvalidArgumentError(
                f"{type(self.balancer).__name__} takes the losses of {self.balancer.batches} independent "
                "batches in every step, which a loop of your own can give it with Balance; here choose "
                "another balancer, such as UPGrad."
            )
        self.cotraining = cotraining
        self.training = training or Training()
        self.head = list(head)
        self.output_space = output_space
        if output_space is not None:
            output_space.check(self.tasks)
        if cotraining is not None:
            require_entries(self.tasks)
            _require_no_limit(self.training)
        if encoder is not None:
            require_positions(encoder, self.tasks)
        check_choice(self, POOLINGS, pooling=pooling)
        self.pooling: Pooling = pooling
        require_unique_outputs({task.name: task.output_columns for task in self.tasks})
        self.columns = with_text_names(columns or {})
        named = with_text_names(missing) if isinstance(missing, Mapping) else missing
        self.missing: MissingWords = named
        Missing(self.missing)
        self.mixing = mixing
        self.source = source
        require_augmentation(augmentation)
        self.augmentation: Augmentation = augmentation
        check_choice(self, (None, "joint", "auto"), answer=answer)
        check_choice(self, tuple(TREE_LIBRARIES), trees=trees)
        self.trees: TreeLibraryName = trees
        require_ensemble(ensemble, cotraining)
        # What it stands for is written out, in a configuration too: it must not act twice.
        self.preset: Preset = "good"
        effort = Effort(self.training, answer, ensemble, cotraining).filled(preset)
        self.training, self.answer, self.ensemble = effort.training, effort.answer, effort.ensemble
        self.seed = seed
        self._result: FitResult | None = None
        self._fitted: FittedModel | None = None
        self._contenders = Contenders()

    # -- learning -----------------------------------------------------------------------------------

    def fit(
        self,
        data: object,
        validation: object = 0.1,
        *,
        unlabelled: object = None,
        run: str | Path | None = None,
        resume: bool = False,
        overwrite: bool = False,
        progress: bool | None = None,
        loggers: Iterable[Logger] = (),
    ) -> Self:
        """Fit the network.

        Args:
            data: training rows: a frame (pandas, polars, pyarrow, ...), a path to a table, or a torch
                `Dataset` of dicts of inputs and targets. A column that a frame numbers, such as 0, is called
                "0" here.
            validation: share of the labelled rows to choose the best epoch on, in (0, 1); or those rows
                themselves, as any kind of `data`; or `None`, to train to the last epoch on all rows.
            unlabelled: a further table without labels, beside such rows of `data`, for co-training and for
                `training.reconstruction`.
            run: folder that gets the run while it goes on: configuration, schema, checkpoints, history and
                at the end the model. `None`: nothing is written.
            resume: go on with the run in that folder, which ends as if it had never been interrupted.
            overwrite: replace the run in that folder.
            progress: show a progress bar; default: if standard error is a terminal.
            loggers: others who want to follow, of an ensemble one network after another.

        Raises:
            DataError: the data cannot be learned from.
            InvalidArgumentError: there are further rows without labels, and nothing learns from such rows.
            RunError: the run folder holds a run already, or none that fits.
        """
        if unlabelled is not None and not learns_without_labels(self):
            raise InvalidArgumentError(
                "fit(unlabelled=...): nothing here learns from rows without labels: give the Learner "
                "cotraining=CoTraining(), or training=Training(reconstruction=Reconstruction()), or leave "
                "them out."
            )
        options = FitOptions(
            unlabelled=unlabelled,
            run=run,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
            loggers=loggers,
        )
        fit_learner(self, data, validation, options)
        return self

    @property
    def architecture(self) -> Architecture:
        """What the networks are made of."""
        return Architecture(
            self.encoder, self.sharing, tuple(self.head), self.output_space, self.seed, self.pooling
        )

    # -- use ----------------------------------------------------------------------------------------

    def predict(self, data: object) -> Any:
        """Predict every task for every row.

        Args:
            data: rows with the input columns of the training table; targets are not needed. A dict, column ->
                value, is one row.

        Returns:
            A frame of the caller's own kind (polars for paths and datasets), one or more columns a task; for
            one row given as a dict: column -> value.

        Raises:
            DataError: columns are missing or unreadable.
            RunError: the learner is not fitted.
        """
        return self.fitted.predict(data)

    def outputs(self, data: object) -> dict[str, Tensor]:
        """Return each task's outputs [N, O] for every row: of its head, divided by its temperature."""
        return self.fitted.outputs(data)

    def evaluate(self, data: object, *, by: str | None = None) -> EvaluationTable:
        """Evaluate every task on the labelled rows of `data`.

        Args:
            data: a table, or source -> table.
            by: a column whose values are groups of rows that are also evaluated by themselves: `by_group`.

        Returns:
            A table with a row per task and metric, that prints itself; `reference` is the value of the
            best constant prediction.
        """
        return self.fitted.evaluate(data, by=by)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write what `load` needs to `folder`.

        Raises:
            RunError: the folder holds a run already, or the learner is not fitted.
        """
        fitted, folder = self.fitted, Path(folder)
        with write_lock(folder):
            prepare_run_folder(folder, overwrite=overwrite)
            write_config(folder, self.architecture.written_into(self.config(), fitted.preprocessor))
            write_schema(folder, fitted.preprocessor.to_json())
            fitted.confidence.write(folder)
            fitted.provenance.write(folder)
            write_weights(folder, fitted.networks.weights, fitted.networks.weights_of)
            if self.answer == "auto":
                self._write_answers(folder)
            seal_run(folder)

    def _write_answers(self, folder: Path) -> None:
        def save(task: str, model: Any, place: Path) -> None:
            single = single_task_learners(self)[task]
            single._fitted = model
            single.save(place)

        write_answers(folder, [task.name for task in self.tasks], self.fitted.answers, save)

    @classmethod
    def load(cls, folder: str | Path, *, encoder: Encoder | None = None, trust: bool = False) -> Self:
        """Read a fitted learner from a run folder, which is data: nothing in it is unpickled or executed.

        Args:
            folder: what `save` or `cotrain train` wrote.
            encoder: instead of the configuration's, for a `Wrap` around a network given in Python.
            trust: whether kinds from outside this library, which the folder names, may be imported and so run
                their code: for runs that you have made yourself.

        Raises:
            ConfigError: the folder names a kind from outside this library, and is not trusted.
            RunError: the folder is not a finished run, is damaged, or was made by a newer version.
        """
        folder = Path(folder)
        verify_run(folder)
        schema = read_schema(folder)
        # A run's configuration also says what is beyond the learner: the data and its split.
        config = {k: v for k, v in read_config(folder).items() if k in constructor_parameters(cls)}
        config |= {} if encoder is None else {"encoder": encoder}
        try:
            learner = construct_class(cls, config, f"{folder}/config.yaml", trust=trust)
            preprocessor = Preprocessor.from_json(schema, copy.deepcopy(learner.tasks), learner.output_space)
        except CotrainError:
            raise
        except KeyError as error:
            raise RunError(f"{folder} is damaged: config.yaml or schema.json lacks {error}.") from error
        except _DAMAGE as error:
            raise RunError(
                f"{folder} is damaged: schema.json does not describe a schema ({error})."
            ) from error
        weights, weights_of = read_weights(folder)
        if not trust and encoder is None:
            require_sizes(lambda: learner.architecture.build(preprocessor, start=False), weights, folder)
        model = learner.architecture.build(preprocessor, start=False)
        confidence = CalibratedConfidence.read(folder, learner.cotraining and learner.cotraining.calibration)
        learner._fitted = FittedModel(
            preprocessor.deciding(confidence.thresholds),
            FrozenNetworks(model, weights, weights_of, preprocessor.tasks),
            confidence,
            Provenance.read(folder),
        )
        if learner.answer == "auto":

            def load(place: Path) -> FittedModel:
                return cls.load(place, encoder=encoder, trust=trust).fitted

            learner._fitted = learner._fitted.with_answers(read_answers(folder, preprocessor, load))
        return learner

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, as they stand in a configuration file."""
        return changed_parameters(self)

    # -- parts --------------------------------------------------------------------------------------

    @property
    def fitted(self) -> FittedModel:
        """What predicts: it stays as it is, whatever becomes of the learner.

        Raises:
            RunError: the learner is not fitted.
        """
        if self._fitted is None:
            raise RunError("This learner is not fitted: call fit first, or Learner.load.")
        return self._fitted

    @property
    def preprocessor(self) -> Preprocessor:
        """What was learned about inputs and targets.

        Raises:
            RunError: the learner is not fitted.
        """
        return self.fitted.preprocessor

    @property
    def answers(self) -> dict[str, str]:
        """Who answers for which task, such as "joint", "trees" or "0.5 joint + 0.5 trees".

        Raises:
            RunError: the learner is not fitted.
        """
        of_task = self.fitted.answers.of_task
        return {
            task.name: of_task[task.name].title if task.name in of_task else "joint" for task in self.tasks
        }

    @property
    def fitted_result(self) -> FitResult:
        """How the fit went; of an ensemble that of the first network, with the time that all took.

        Raises:
            RunError: the learner is not fitted, or was loaded.
        """
        if self._result is None:
            raise RunError("This learner was not fitted in this process: there is no fit to tell of.")
        return self._result


def _require_no_limit(training: Training) -> None:
    if training.time_limit is not None:
        raise InvalidArgumentError(
            f"training.time_limit is {training.time_limit!r}, and rounds of co-training take the time that "
            "they take: leave it out, and set training.epochs and cotraining.max_rounds."
        )


def fit_learner(learner: Learner, data: object, validation: object, options: FitOptions) -> Learner:
    """Fit a learner and return it: what `Learner.fit` does, and a run that leaves columns out.

    Args:
        learner: gets the fitted model.
        data: see `Learner.fit`.
        validation: see `Learner.fit`.
        options: the rest.

    Raises:
        DataError: the data cannot be learned from.
        MissingExtraError: trees of a package that is not installed may answer.
        RunError: the run folder holds a run already, or none that fits.
    """
    if learner.answer == "auto":
        TREE_LIBRARIES[learner.trees].require()
    if learner.answer == "auto" and isinstance(data, Dataset):
        raise InvalidArgumentError(
            "Learner(answer='auto') reads tables: what trees and networks for single tasks may read of a "
            "Dataset is not known; give a table, or answer='joint'."
        )
    with nullcontext() if options.run is None else write_lock(Path(options.run)):
        fitting = Fitting(learner, data, validation, options)
        # Held before it is calibrated: whatever may go wrong there, the training is not lost.
        learner._fitted, learner._result = fitting.run()
        learner._fitted = fitting.calibrated(learner._fitted)
        if learner.answer == "auto":
            model, learner._contenders = fit_contenders(
                learner, fitting, learner._fitted, options, fit=fit_learner
            )
            learner._fitted = model
            if fitting.folder is not None:
                model.confidence.write(fitting.folder)
                learner._write_answers(fitting.folder)
                seal_run(fitting.folder)
    return learner
