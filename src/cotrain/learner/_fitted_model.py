"""What a fit leaves for use: from a table to predictions, and nothing that could change on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, final

import polars as pl
from torch import Tensor
from torch.utils.data import Dataset

from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._ragged import Leaves
from cotrain.data import TypedTable, from_polars_like
from cotrain.data.sources import rows_of_sources
from cotrain.evaluation import Evaluation, EvaluationTable, unseen_labels
from cotrain.learner._absent_targets import with_absent_tasks
from cotrain.learner._answers import Answers
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._ensemble import ensemble_sentence
from cotrain.learner._label_types import restore_pandas
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._provenance import Provenance
from cotrain.learner._row_groups import rows_by_value
from cotrain.learner._temperatures import tempered
from cotrain.training import Examples, FrozenNetworks


@final
@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model that nobody can change: preprocess → network → temper → decode.

    It holds one network for each set of weights, in evaluation mode for good, and writes nothing while it
    answers, so any number of threads may use one at the same time. A copy is the same object. Those of an
    ensemble answer one after another, and their mean is tempered.

    Args:
        preprocessor: of the inputs and the tasks.
        networks: what answers.
        confidence: what held-out rows say of how sure it may be; the temperatures of the tasks with classes.
        provenance: which cells of the training table it labelled itself.
        answers: who answers for which task beside these networks, where `answer: auto` chose.
        before: what held-out rows said of the joint network alone; `None`: as `confidence`, or not kept.

    Example:
        >>> import cotrain as ct
        >>> import polars as pl
        >>> frame = pl.DataFrame({"x": [i / 20 for i in range(40)], "y": [0.5 * i for i in range(40)]})
        >>> learner = ct.Learner([ct.tasks.Regression("y")], training=ct.Training(epochs=1))
        >>> model = learner.fit(frame, validation=0.25, progress=False).fitted
        >>> model.predict(frame).equals(learner.predict(frame))
        True
    """

    preprocessor: Preprocessor
    networks: FrozenNetworks
    confidence: CalibratedConfidence = field(default_factory=CalibratedConfidence)
    provenance: Provenance = field(default_factory=Provenance)
    answers: Answers = field(default_factory=Answers)
    before: CalibratedConfidence | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def outputs(self, data: object, *, figures: bool = False) -> dict[str, Tensor]:
        """Return each task's outputs [N, O] for every row: of its head, divided by its temperature.

        Where trees, a single-task network or a blend answer they are what a head would give that had their
        scores.

        Args:
            data: see `predict`.
            figures: whether a task may read of its labels what a prediction has to guess, such as how long
                each character lasts.
        """
        coded = data if isinstance(data, Dataset) else self.preprocessor.table(data)
        read = self.preprocessor.examples(coded).inputs if figures else self.preprocessor.inputs(coded)
        return self._answered(self.joint_outputs(read), coded, figures=figures)

    def joint_outputs(self, inputs: Leaves) -> dict[str, Any]:
        """Return the outputs of the joint network, whoever answers, for rows that are coded."""
        return tempered(self.networks.outputs(inputs), self.confidence.temperatures)

    def with_answers(self, answers: Answers, confidence: CalibratedConfidence | None = None) -> Self:
        """Return the model with others who answer, and what is known of their confidence."""
        found = replace(self, answers=answers, before=self.confidence)
        return found if confidence is None else found.with_confidence(confidence)

    def with_confidence(self, confidence: CalibratedConfidence) -> Self:
        """Return the model with what held-out rows say of it, and tasks that decide by its thresholds."""
        preprocessor = self.preprocessor.deciding(confidence.thresholds)
        return replace(self, confidence=confidence, preprocessor=preprocessor)

    @property
    def joint(self) -> Self:
        """The joint network alone, whoever answers."""
        found = replace(self, answers=Answers(), before=None)
        return found if self.before is None else found.with_confidence(self.before)

    @property
    def saying_all(self) -> Self:
        """The model with tasks that predict things of every score, of which figures are computed."""
        return replace(self, preprocessor=self.preprocessor.saying_all())

    @property
    def ensemble_sentence(self) -> str:
        """What answers where that is an ensemble of networks; "" where it is not."""
        return ensemble_sentence(self.networks.weights_of)

    def _answered(self, outputs: Mapping[str, Any], data: Any, *, figures: bool = False) -> dict[str, Any]:
        """Return the outputs of whoever answers, for rows that are a table of the training's types."""
        if not isinstance(data, TypedTable):
            return dict(outputs)
        tasks = {task.name: task for task in self.preprocessor.tasks}
        return self.answers.applied(outputs, tasks, data, figures=figures)

    def predict(self, data: object) -> Any:
        """Predict every task for every row.

        Args:
            data: rows with the input columns of the training table; targets are not needed. A dict, column ->
                value, is one row; a dict, source -> table, is several tables.

        Returns:
            A frame of the caller's own kind (polars for paths and datasets), one or more columns a task.
            Classes have the type that they had in the training frame, and its spelling; numbers are floats,
            as wide as there, of a column of whole numbers too. For a dict a dict, column -> value, or
            source -> predictions.

        Raises:
            DataError: columns are missing or unreadable.
        """
        if isinstance(data, Mapping) and self.preprocessor.are_sources(data):
            table = self.preprocessor.table(data)
            whole, rows = self._decoded(table), rows_of_sources(table)
            return {name: self._handed_out(whole[rows[name]], part) for name, part in data.items()}
        if isinstance(data, Mapping):
            if self.answers.others:
                row = pl.DataFrame({str(name): [value] for name, value in data.items()}, strict=False)
                outputs = self.outputs(row)
            else:
                outputs = self.joint_outputs(self.preprocessor.inputs_of_row(data))
            return self.preprocessor.decoded_row(outputs, self.preprocessor.picture_sizes(data))
        return self._handed_out(self._decoded(data), data)

    def _decoded(self, data: object) -> pl.DataFrame:
        data = data if isinstance(data, Dataset) else self.preprocessor.table(data)
        sizes = self.preprocessor.picture_sizes(data)
        if not sizes or self.answers.others:
            return self.preprocessor.decoded(self.outputs(data), sizes)
        # An answer for every pixel is much larger than the mask that is made of it.
        parts = (
            self.preprocessor.decoded(
                tempered(outputs, self.confidence.temperatures),
                {task: of_rows[rows] for task, of_rows in sizes.items()},
            )
            for rows, outputs in self.networks.output_batches(self.preprocessor.inputs(data))
        )
        return pl.concat(list(parts))

    def _handed_out(self, predictions: pl.DataFrame, like: Any) -> Any:
        """Return predictions as a frame of the kind of `like`."""
        found = from_polars_like(predictions, like)
        names = {
            column: column if column in found.columns else task.name
            for task in self.preprocessor.tasks
            for column in task.columns
        }
        return restore_pandas(found, self.preprocessor.labels, names)

    def evaluate(
        self, data: object, *, by: str | None = None, examples: Examples | None = None
    ) -> EvaluationTable:
        """Evaluate every task on the labelled rows of `data`.

        Args:
            data: a table; or source -> table, whose rows are evaluated together and each source by itself.
            by: a column whose values are groups of rows, such as users, evaluated by themselves as well.
            examples: the rows of `labelled_table`, coded; `None`: they are not yet.

        Returns:
            A table with a row per task and metric, that prints itself; `reference` is the value of the
            best constant prediction. A task of which the table has no column has no
            label. `by_source` has a table for each source, `by_group` for each value of the column, the most
            frequent first; `unseen` has the labels that training did not have.

        Raises:
            DataError: columns are missing or unreadable, or no row of several sources has a label.
            InvalidArgumentError: the column has too many values, or the data are no table.
        """
        if by is not None and isinstance(data, Dataset):
            raise InvalidArgumentError(f"by={by!r} needs a table with this column, not a Dataset.")
        data = data if isinstance(data, Dataset) else self.labelled_table(data)
        examples = self.preprocessor.examples(data) if examples is None else examples
        evaluation = self.evaluation(data, examples=examples)
        table = evaluation.table(parts=True)
        if not isinstance(data, Dataset):
            table = replace(table, unseen=unseen_labels(self.preprocessor.tasks, data.frame))
        if by is not None and not isinstance(data, Dataset):
            groups = rows_by_value(data.frame, by)
            found = {value: evaluation.table(parts=True, rows=rows) for value, rows in groups.items()}
            table = replace(table, by_group={value: one for value, one in found.items() if len(one)})
        if examples.sources is None:
            return table
        if not bool(examples.labelled().any()):
            raise DataError("No row has a label of any task: there is nothing to evaluate.")
        by_source = {
            name: evaluation.table(parts=True, rows=rows) for name, rows in examples.sources.rows().items()
        }
        return replace(table, by_source=by_source)

    def labelled_table(self, data: object) -> TypedTable:
        """Return a table as `evaluate` reads it, with empty columns for tasks of which it has none."""
        preprocessor = self.preprocessor
        return with_absent_tasks(preprocessor.table(data), preprocessor.tasks, preprocessor.types)

    def evaluation(
        self, data: object, *, examples: Examples | None = None, diagnosis: bool = False
    ) -> Evaluation:
        """Return what the metrics keep of every row: a joint network's outputs are not held for all.

        Args:
            data: rows with labels, see `evaluate`.
            examples: the same rows, coded; `None`: they are not yet.
            diagnosis: whether to keep what `Task.diagnosis` needs, too.
        """
        coded = data if isinstance(data, Dataset) else self.preprocessor.table(data)
        examples = self.preprocessor.examples(coded) if examples is None else examples
        found = Evaluation(
            self.preprocessor.tasks,
            self.preprocessor.constants,
            diagnosis=diagnosis,
            n_rows=len(examples),
        )
        for rows, outputs in self.output_batches(coded, examples.inputs):
            targets, masks = (
                {name: leaf[rows] for name, leaf in of.items()} for of in (examples.targets, examples.masks)
            )
            found.add(outputs, targets, masks)
        return found

    def output_batches(self, data: Any, inputs: Leaves) -> Iterator[tuple[slice, dict[str, Any]]]:
        """Give the outputs of whoever answers some rows at a time, with the rows that they belong to.

        Those of the joint network are not held for all rows.

        Args:
            data: the rows, with labels that may be read, see `outputs`.
            inputs: of `Preprocessor.examples`.
        """
        others = self.answers.others
        whole = self.outputs(data, figures=True) if others else {}
        for rows, raw in self.networks.output_batches(inputs):
            outputs = tempered(raw, self.confidence.temperatures)
            yield rows, outputs | {name: whole[name][rows] for name in others if name in outputs}
