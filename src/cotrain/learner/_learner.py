"""The facade: from a table to a fitted multi-task network that predicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, final

import polars as pl
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, RunError, constructor_parameters, mix_seed
from cotrain.balancing import Balancer, ReferenceScaled
from cotrain.configuration import construct_class
from cotrain.configuration._registry import changed_parameters
from cotrain.cotraining import CoTraining
from cotrain.data import ColumnChoice, Missing, MissingWords, from_polars_like
from cotrain.evaluation import EvaluationTable, evaluate
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._run_folder import (
    HISTORY,
    STATE,
    open_run,
    prepare_run_folder,
    read_config,
    read_schema,
    read_weights,
    write_config,
    write_schema,
    write_weights,
)
from cotrain.learner._train_validation_split import divide
from cotrain.networks import Encoder, HardSharing, MultiTaskNetwork, OutputSpace, Sharing, TableEncoder
from cotrain.tasks import Task
from cotrain.training import (
    Fit,
    FitResult,
    JsonLinesLogger,
    Logger,
    ProgressLogger,
    Training,
    Weights,
    outputs_of,
)


@final
class Learner:
    """Learns several tasks together from one table and predicts them.

    A missing label is an unlabelled one: every row teaches the tasks it has labels for.

    Args:
        tasks: what to learn, with different names.
        encoder: the network from the inputs to a representation; default `TableEncoder()`.
        sharing: how the tasks share it; default `HardSharing()`.
        balancer: how much each task counts in a step; default `ReferenceScaled()`.
        cotraining: how the tasks label unlabelled cells for one another after that; default not at all.
        training: epochs, batch size, learning rate and so on; default `Training()`.
        head: widths of hidden layers in every task's head; default none.
        output_space: how outputs are made of the heads', such as `ESMM`; default: each of its own.
        columns: input column -> kind ("number", "category", "tags", "text", "date"), or "drop" to leave a
            column out; the others are inferred. With options of the kind it is a mapping, such as
            {"kind": "tags", "separator": "|"}.
        missing: words that mean an empty cell, one list or column -> list, "*" for the others; default those
            of pandas and "?".
        seed: names every random stream; equal seeds give equal results on equal machines.

    Raises:
        InvalidArgumentError: no tasks, or two of the same name.

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
        output_space: OutputSpace | None = None,
        columns: Mapping[str, ColumnChoice] | None = None,
        missing: MissingWords = None,
        seed: int = 0,
    ) -> None:
        names = [task.name for task in tasks]
        if not names:
            raise InvalidArgumentError("A Learner needs at least one task, got none.")
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InvalidArgumentError(f"Two tasks have the same name {twice[0]!r}: rename one.")
        self.tasks = list(tasks)
        self.encoder = encoder or TableEncoder()
        self.sharing = sharing or HardSharing()
        self.balancer = balancer or ReferenceScaled()
        self.cotraining = cotraining
        self.training = training or Training()
        self.head = list(head)
        self.output_space = output_space
        if output_space is not None:
            output_space.check(self.tasks)
        self.columns = dict(columns or {})
        Missing(missing)
        self.missing = missing
        self.seed = seed
        self._result: FitResult | None = None
        self._preprocessor: Preprocessor | None = None
        self._model: MultiTaskNetwork | None = None
        self._weights: list[Weights] = []
        self._weights_of: dict[str, int] = {}
        self.assurance = CalibratedConfidence()

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
        left_out: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> Self:
        """Fit the network.

        Args:
            data: training rows: a frame (pandas, polars, pyarrow, ...), a path to a table, or a torch
                `Dataset` of dicts of inputs and targets.
            validation: share of the labelled rows to choose the best epoch on, in (0, 1); or those rows
                themselves, as any kind of `data`; or `None`, to train to the last epoch on all rows.
            unlabelled: a further table for co-training, beside the unlabelled rows of `data`.
            run: folder that gets the run while it goes on: configuration, schema, checkpoints, history and
                at the end the model. `None`: nothing is written.
            resume: go on with the run in that folder, which ends as if it had never been interrupted.
            overwrite: replace the run in that folder.
            progress: show a progress bar; default: if standard error is a terminal.
            loggers: others who want to follow.
            left_out: columns that are neither inputs nor targets.
            config: what to write as the run's configuration, if more than the learner's own arguments.

        Raises:
            DataError: the data cannot be learned from.
            RunError: the run folder holds a run already, or none that fits.
        """
        folder = None if run is None else Path(run)
        if resume and folder is None:
            raise InvalidArgumentError("fit(resume=True) needs run=...: the folder of the interrupted run.")
        train, validation = divide(
            data,
            validation,
            self.tasks,
            self.seed,
            with_unlabelled=self.cotraining is not None,
            unlabelled=unlabelled,
            missing=self.missing,
        )
        preprocessor, examples = Preprocessor.fit(
            train, copy.deepcopy(self.tasks), self.columns, left_out, self.missing
        )
        followers = [*loggers, *ProgressLogger.wanted(progress)]
        if folder is not None:
            open_run(
                folder, preprocessor.to_json(), config or self.config(), resume=resume, overwrite=overwrite
            )
            followers.insert(0, JsonLinesLogger(folder / HISTORY))
        model = self.build_model(preprocessor)
        for task, head in zip(preprocessor.tasks, model.heads, strict=True):
            task.start_head(head, examples.targets[task.name], examples.masks[task.name])
        held = None if validation is None else preprocessor.examples(validation)
        build = partial(self.build_model, preprocessor)
        rounds = self.cotraining and CoTrainingStage(
            self, self.cotraining, preprocessor, build, folder, followers
        )
        fit = Fit(
            model,
            preprocessor.tasks,
            copy.deepcopy(self.balancer),
            self.training,
            examples,
            held,
            seed=self.seed,
            loggers=followers,
            checkpoint=None if folder is None else folder / STATE,
        )
        if resume and folder is not None and (folder / STATE).exists():
            fit.resume()
        self._result, self._preprocessor, self._model = fit.run(), preprocessor, fit.model.cpu()
        self._weights, self._weights_of = self._result.weights, self._result.weights_of
        if rounds is not None:
            self._weights, self._weights_of = rounds.improve(self._result, examples, held)
        outputs = {} if held is None else self._outputs(held.inputs)
        self.assurance = CalibratedConfidence.learn(preprocessor.tasks, outputs, held, rounds)
        if folder is not None:
            self.assurance.write(folder)
            write_weights(folder, self._weights, self._weights_of)
        return self

    def outputs(self, data: object) -> dict[str, Tensor]:
        """Return each task's raw outputs [N, O] for every row, as its head gives them."""
        return self._outputs(self.preprocessor.inputs(data))

    def build_model(
        self, preprocessor: Preprocessor, name: str = "initial weights", tasks: Sequence[Task] | None = None
    ) -> MultiTaskNetwork:
        """Make a new network with the initial weights that the seed and a name choose.

        Args:
            preprocessor: of the inputs and the tasks.
            name: of the network; networks of different names begin differently.
            tasks: fitted tasks; default all. For one alone there is nothing to share.
        """
        whole = tasks is None or len(tasks) == len(preprocessor.tasks)
        tasks = preprocessor.tasks if tasks is None else list(tasks)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(self.seed, name))
            sharing = copy.deepcopy(self.sharing) if whole else HardSharing()
            names = [task.name for task in tasks]
            sharing.build(lambda: copy.deepcopy(self.encoder).build(preprocessor.spec), names)
            widths = sharing.widths()
            heads = {task.name: task.head(widths[task.name], self.head) for task in tasks}
            return MultiTaskNetwork(sharing, heads, copy.deepcopy(self.output_space) if whole else None)

    # -- use ----------------------------------------------------------------------------------------

    def predict(self, data: object) -> Any:
        """Predict every task for every row.

        Args:
            data: rows with the input columns of the training table; targets are not needed.

        Returns:
            A frame of the caller's own kind (polars for paths and datasets), one or more columns a task.

        Raises:
            DataError: columns are missing or unreadable.
            RunError: the learner is not fitted.
        """
        preprocessor = self.preprocessor
        outputs = self._outputs(preprocessor.inputs(data))
        columns: dict[str, Any] = {}
        for task in preprocessor.tasks:
            columns |= task.predict(outputs[task.name])
        return from_polars_like(pl.DataFrame(columns), data)

    def evaluate(self, data: object) -> EvaluationTable:
        """Evaluate every task on the labelled rows of `data`.

        Returns:
            A table with a row per task and metric, that prints itself; `reference` is the value of the
            best constant prediction.
        """
        preprocessor = self.preprocessor
        examples = preprocessor.examples(data)
        outputs, constants = self._outputs(examples.inputs), preprocessor.constants
        return evaluate(
            preprocessor.tasks, outputs, examples.targets, examples.masks, constants=constants, parts=True
        )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write what `load` needs to `folder`.

        Raises:
            RunError: the folder holds a run already, or the learner is not fitted.
        """
        preprocessor = self.preprocessor
        prepare_run_folder(Path(folder), overwrite=overwrite)
        write_config(Path(folder), self.config())
        write_schema(Path(folder), preprocessor.to_json())
        self.assurance.write(Path(folder))
        write_weights(Path(folder), self._weights, self._weights_of)

    @classmethod
    def load(cls, folder: str | Path, *, encoder: Encoder | None = None) -> Self:
        """Read a fitted learner from a run folder. Nothing in it is unpickled or executed.

        Args:
            folder: what `save` or `cotrain train` wrote.
            encoder: instead of the configuration's, for a `Wrap` around a network given in Python.

        Raises:
            RunError: the folder is not a finished run, is damaged, or was made by a newer version.
        """
        folder = Path(folder)
        schema = read_schema(folder)
        # A run's configuration also says what is beyond the learner: the data and its split.
        config = {k: v for k, v in read_config(folder).items() if k in constructor_parameters(cls)}
        config |= {} if encoder is None else {"encoder": encoder}
        try:
            learner = construct_class(cls, config, f"{folder}/config.yaml")
            preprocessor = Preprocessor.from_json(schema, copy.deepcopy(learner.tasks))
        except (KeyError, TypeError) as error:
            raise RunError(f"{folder} is damaged: config.yaml or schema.json lacks {error}.") from error
        learner._weights, learner._weights_of = read_weights(folder)
        learner.assurance = CalibratedConfidence.read(
            folder, learner.cotraining and learner.cotraining.calibration
        )
        learner._model = learner.build_model(preprocessor)
        learner._preprocessor = preprocessor
        return learner

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values, as they stand in a configuration file."""
        return changed_parameters(self)

    # -- parts --------------------------------------------------------------------------------------

    def _outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        model, outputs = self._model, {}
        if model is None:
            raise RunError("This learner is not fitted: call fit first, or Learner.load.")
        for number, weights in enumerate(self._weights):
            model.load_state_dict(weights)
            wanted = [task for task, index in self._weights_of.items() if index == number]
            found = outputs_of(model, inputs)
            outputs |= {task: found[task] for task in wanted}
        return outputs

    @property
    def preprocessor(self) -> Preprocessor:
        """What was learned about inputs and targets.

        Raises:
            RunError: the learner is not fitted.
        """
        if self._preprocessor is None:
            raise RunError("This learner is not fitted: call fit first, or Learner.load.")
        return self._preprocessor

    @property
    def fitted_result(self) -> FitResult:
        """How the fit went.

        Raises:
            RunError: the learner is not fitted, or was loaded.
        """
        if self._result is None:
            raise RunError("This learner was not fitted in this process: there is no fit to tell of.")
        return self._result
