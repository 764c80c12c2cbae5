"""From the caller's data to tensors: the table's schema and the tasks' codings, learned once, kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast, final

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from cotrain._base import DataError, InputSpec, rows_counted_in
from cotrain._base._inputs import PICTURE
from cotrain._base._pictures import picture_sizes
from cotrain._base._ragged import labelled_rows
from cotrain.data import (
    ColumnChoice,
    MapDataset,
    Missing,
    MissingWords,
    RowEncoder,
    Schema,
    TypedTable,
    dataset_spec,
    stack_dataset,
)
from cotrain.data._dataset import as_in_training
from cotrain.data._frames import with_text_names
from cotrain.data._schema import Coding
from cotrain.data._table import require_types
from cotrain.data.sources import read_sources
from cotrain.learner._decisions import Thresholds, deciding, saying_all
from cotrain.learner._known_sources import KnownSources
from cotrain.learner._label_types import LabelType
from cotrain.learner._only_picture import name_only_picture
from cotrain.learner._upright_labels import require_upright
from cotrain.learner._words_and_tags import require_entry_a_word
from cotrain.networks import OutputSpace
from cotrain.tasks import Task
from cotrain.training import Examples

#: Task -> height and width of its picture in every row.
PictureSizes = Mapping[str, Sequence[tuple[int, int]]]


@final
class Preprocessor:
    """What was learned from the training rows about the inputs and the targets.

    Args:
        tasks: the tasks, with their codings.
        schema: kinds and statistics of the input columns; `None` where the inputs are tensors already.
        spec: sizes of the inputs, for the encoder.
        constants: task -> the best constant output [O] on the training labels.
        table: the training table, for the types of its columns and what counted as missing; no rows of it are
            kept.
        output_space: knows which labels imply others.

    Example:
        >>> from cotrain.tasks import Binary
        >>> frame = pl.DataFrame({"x": [0.5, 1.5, 2.5, 3.5], "sold": ["yes", "no", "yes", "no"]})
        >>> preprocessor, examples = Preprocessor.fit(frame, [Binary("sold")], {}, [])
        >>> len(examples), preprocessor.spec.n_numbers
        (4, 1)
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        schema: Schema | None,
        spec: InputSpec,
        constants: Mapping[str, Tensor],
        *,
        table: TypedTable | None = None,
        output_space: OutputSpace | None = None,
        missing: Missing | None = None,
    ) -> None:
        self.types = {} if table is None else table.types
        self.missing = (missing or Missing()) if table is None else table.missing
        self.tasks = list(tasks)
        self.schema = schema
        self.spec = spec
        self.constants = dict(constants)
        self.output_space = output_space
        #: Column of classes or floats -> its type in the frame learned from; set by whoever has the frame.
        self.labels: dict[str, LabelType] = {}
        #: Which sources there were, and what each one had; set by `fit`.
        self.sources = KnownSources()
        self._rows = None if schema is None else RowEncoder(schema, self.types, self.missing)

    @classmethod
    def fit(
        cls,
        train: object,
        tasks: Sequence[Task],
        columns: Mapping[str, ColumnChoice],
        left_out: Sequence[str],
        *,
        missing: MissingWords = None,
        output_space: OutputSpace | None = None,
        reads: Sequence[str] | None = None,
        coding: Coding | None = None,
    ) -> tuple[Self, Examples]:
        """Learn from the training rows, and return them coded as well.

        Only rows with a label teach the schema its statistics, so that adding a row without any label
        changes nothing.

        Args:
            train: a table or a Dataset of dicts.
            tasks: the tasks; their codings are learned in place.
            columns: kinds of input columns that the user has chosen.
            left_out: columns that are neither inputs nor targets, such as the split.
            missing: words that mean "nothing", see `Missing`.
            output_space: knows which labels imply others; those are filled in.
            reads: keys of a Dataset that the encoder reads; all others are left alone. `None`: all.
            coding: how the encoder wants columns coded, see `Encoder.coding`; `None`: as they are.

        Raises:
            DataError: there is nothing to learn from.
        """
        if isinstance(train, Dataset):
            words = Missing(missing)
            inputs, targets = stack_dataset(cast(MapDataset, train), _of_labels(tasks), reads)
            words.require(targets.columns)
            targets = words.blanked(targets)
            for task in tasks:
                task.fit(targets)
            spec = dataset_spec(inputs)
            preprocessor = cls(tasks, None, spec, {}, output_space=output_space, missing=words)
            examples = preprocessor._completed(Examples(inputs, *preprocessor._labels(targets)))
        else:
            table = TypedTable.read(train, missing=missing, targets=_columns(tasks))
            with rows_counted_in(table.rows, table.tables):
                preprocessor, examples = cls._learned(
                    table, tasks, columns, left_out, output_space=output_space, coding=coding
                )
        if not examples.inputs:
            raise DataError(
                "There is no input column: all columns are targets, left out, or say nothing (identifiers, "
                "one value only); give a kind under columns: to those that shall be read."
            )
        for task in tasks:
            truth = (examples.targets[task.name], examples.masks[task.name])
            preprocessor.constants[task.name] = task.best_constant(*truth)
        return preprocessor, examples

    @classmethod
    def _learned(
        cls,
        table: TypedTable,
        tasks: Sequence[Task],
        columns: Mapping[str, ColumnChoice],
        left_out: Sequence[str],
        *,
        output_space: OutputSpace | None,
        coding: Coding | None,
    ) -> tuple[Self, Examples]:
        """Learn the codings of a table, see `fit`."""
        frame = table.frame
        of_source = [] if table.source is None else [table.source]
        exclude = [*no_inputs(tasks, columns), *left_out, *of_source]
        name_only_picture(tasks, frame, columns, exclude)
        for task in tasks:
            task.fit(frame)
        coded = {task.name: task.encode(frame) for task in tasks}
        labelled = torch.stack([labelled_rows(mask) for _, mask in coded.values()]).any(dim=0).numpy()
        rows = frame.filter(pl.Series(labelled))
        with rows_counted_in(np.flatnonzero(labelled)):
            schema = Schema.infer(
                rows, exclude=exclude, overrides=columns, types=table.types, numbered=table.numbered
            )
            schema = schema.recoded(coding).fit(rows)
        preprocessor = cls(tasks, schema, schema.spec(), {}, table=table, output_space=output_space)
        preprocessor.sources = KnownSources.of(table, preprocessor._inputs)
        return preprocessor, preprocessor._coded(table, coded)

    def deciding(self, thresholds: Mapping[str, Thresholds]) -> Self:
        """Return the same with tasks that call a label yes from these thresholds on."""
        if not thresholds:
            return self
        found = copy.copy(self)
        found.tasks = deciding(self.tasks, thresholds)
        return found

    def saying_all(self) -> Self:
        """Return the same with tasks that predict things of every score, as figures look at all of them."""
        found = copy.copy(self)
        found.tasks = saying_all(self.tasks)
        return found

    def inputs(self, data: object) -> dict[str, Any]:
        """Return the input tensors and ragged rows of any data that `fit` would take.

        A task that is given columns of its own needs only these, and the others do without them: of a table
        that has one of the two alone come the inputs that there are.
        """
        if isinstance(data, Dataset):
            return self._stacked(data, [])[0]
        schema, frame = self._schema(data), self.table(data).frame
        answered = [task for task in self._given if task.can_answer(frame.columns)]
        own: dict[str, Any] = {}
        for task in answered:
            own |= task.own_inputs(frame)
        without = answered and not set(self._inputs) & set(frame.columns)
        if self._given and not answered and (len(self._given) == len(self.tasks) or not self._inputs):
            self._given[0].own_inputs(frame)  # which says what is absent
        return own if without else schema.encode(frame) | own

    def inputs_of_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of one row: what `inputs` gives for a table of it, faster."""
        if self._rows is None:
            self._schema(row)
            raise DataError("This model was trained on a Dataset of tensors: give a torch Dataset.")
        if self._given:
            return self.inputs(
                pl.DataFrame({str(name): [value] for name, value in row.items()}, strict=False)
            )
        named = row if all(type(name) is str for name in row) else with_text_names(row)
        return self._rows.encode(named)

    def picture_sizes(self, data: object) -> PictureSizes:
        """Return height and width of the picture of every row, in the pixels that it has itself.

        A row without a picture has the size that networks see.

        Args:
            data: a table, a Dataset, or one row as a mapping of values.

        Returns:
            task -> the sizes of its picture, for tasks that say where things are in one; none of tasks whose
            picture is not known, or not there.
        """
        tasks = [task for task in self.tasks if task.reads == "map"]
        if not tasks:
            return {}
        if self.schema is None:
            shapes = [shape for shape in self.spec.tensors.values() if len(shape) == 3]
            sizes = [(shape[1], shape[2]) for shape in shapes] * len(cast(MapDataset, data))
            return {task.name: sizes for task in tasks} if len(shapes) == 1 else {}
        one_row = isinstance(data, Mapping) and not self.are_sources(data)
        named = with_text_names(cast("Mapping[str, Any]", data)) if one_row else self.table(data).frame
        found: dict[str, list[tuple[int, int]]] = {}
        for key, seen in self.spec.pictures.items():
            name = key.removeprefix(PICTURE)
            mine = [t.name for t in tasks if len(self.spec.pictures) == 1 or t.position_column == name]
            # What is asked may read no picture, or say that there is none.
            if mine and name in (named if isinstance(named, Mapping) else named.columns):
                cells = [named[name]] if isinstance(named, Mapping) else named[name].to_list()
                sizes = picture_sizes(cells, (seen.shape[1], seen.shape[2]), f"Column {name!r}")
                found |= dict.fromkeys(mine, sizes)
        return found

    def decoded_row(self, outputs: Mapping[str, Tensor], sizes: PictureSizes | None = None) -> dict[str, Any]:
        """Return the predictions for one row, column -> value: what `decoded` gives, faster."""
        found: dict[str, Any] = {}
        for task in (task for task in self.tasks if task.name in outputs):
            predicted = _predicted(task, outputs[task.name], (sizes or {}).get(task.name))
            for column in task.columns:
                name = column if column in predicted else task.name
                if column in self.labels and not self.labels[column].number:
                    predicted[name] = self.labels[column].restored(predicted[name])
            found |= {name: values[0] for name, values in predicted.items()}
        return {name: _plain(value) for name, value in found.items()}

    def examples(self, data: object) -> Examples:
        """Return inputs, coded targets and label masks."""
        if isinstance(data, Dataset):
            inputs, targets = self._stacked(data, _of_labels(self.tasks))
            return self._completed(Examples(inputs, *self._labels(targets)))
        self._schema(data)
        table = self.table(data)
        with rows_counted_in(table.rows, table.tables):
            return self._coded(table, {task.name: task.encode(table.frame) for task in self.tasks})

    def _coded(self, table: TypedTable, coded: Mapping[str, tuple[Any, Any]]) -> Examples:
        """Return the inputs of a table, those that are read of the targets too, beside coded targets."""
        schema = self._schema(table)
        inputs = schema.encode(table.frame)
        require_entry_a_word(self.tasks, schema.columns, table.frame, coded)
        require_upright(self.tasks, [key.removeprefix(PICTURE) for key in self.spec.pictures], table.frame)
        for task in self.tasks:
            inputs |= task.own_inputs(table.frame) | task.taught_inputs(coded[task.name][0])
        targets, masks = ({name: pair[part] for name, pair in coded.items()} for part in (0, 1))
        return self._completed(Examples(inputs, targets, masks, self.sources.rows(table)))

    def table(self, data: object) -> TypedTable:
        """Return any table with the types that its columns had in training; several sources as one."""
        table = read_sources(
            data,
            self.sources.column,
            missing=self.missing,
            types=self.types,
            targets=_columns(self.tasks),
            known=self.sources.inputs,
        )
        return self.sources.completed(table, self.types, self._inputs)

    def are_sources(self, data: object) -> bool:
        """Whether data are a mapping of tables, and not one row."""
        return self.sources.are_tables(data, list(self.types))

    @property
    def _given(self) -> list[Task]:
        """The tasks with inputs of their own."""
        return [task for task in self.tasks if task.prenet(1) is not None]

    @property
    def _inputs(self) -> list[str]:
        """Names of the input columns."""
        return [] if self.schema is None else [column.name for column in self.schema.columns]

    def decoded(self, outputs: Mapping[str, Tensor], sizes: PictureSizes | None = None) -> pl.DataFrame:
        """Return the predictions of all tasks in the type of their label column.

        Args:
            outputs: task -> [N, O].
            sizes: see `picture_sizes`.
        """
        columns: dict[str, Any] = {}
        for task in (task for task in self.tasks if task.name in outputs):
            predicted = _predicted(task, outputs[task.name], (sizes or {}).get(task.name))
            for column in task.columns:
                name = column if column in predicted else task.name
                if column in self.labels:
                    predicted[name] = self.labels[column].restored(predicted[name])
            columns |= predicted
        return pl.DataFrame(columns)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "columns": None if self.schema is None else self.schema.to_json(),
            "tasks": {task.name: task.state_dict() for task in self.tasks},
            "constants": {name: constant.tolist() for name, constant in self.constants.items()},
            "types": self.types,
            "labels": {column: label.to_json() for column, label in self.labels.items()},
            "missing": self.missing.to_json(),
            "sources": self.sources.to_json(),
            "tensors": {name: list(shape) for name, shape in self.spec.tensors.items()},
            "ragged": {name: list(shape) for name, shape in self.spec.ragged.items()},
            "vocabularies": dict(self.spec.vocabularies),
        }

    @classmethod
    def from_json(
        cls, values: Mapping[str, Any], tasks: Sequence[Task], output_space: OutputSpace | None = None
    ) -> Self:
        """Take over what `to_json` gave."""
        for task in tasks:
            task.load_state_dict(values["tasks"][task.name])
        constants = {task.name: _constant(task, values["constants"][task.name]) for task in tasks}
        if values["columns"] is not None:
            schema = Schema.from_json(values["columns"])
            types = require_types(values.get("types", {}))
            table = TypedTable(pl.DataFrame(), types, Missing(values.get("missing")))
            found = cls(tasks, schema, schema.spec(), constants, table=table, output_space=output_space)
            labels = values.get("labels", {})
            found.sources = KnownSources(**values.get("sources", {}))
            found.labels = {column: LabelType.from_json(label) for column, label in labels.items()}
            return found
        shapes, entries = (
            {name: tuple(shape) for name, shape in values.get(kind, {}).items()}
            for kind in ("tensors", "ragged")
        )
        spec = InputSpec(tensors=shapes, vocabularies=values["vocabularies"], ragged=entries)
        missing = Missing(values.get("missing"))
        return cls(tasks, None, spec, constants, output_space=output_space, missing=missing)

    def _schema(self, data: object) -> Schema:
        if self.schema is None:
            raise DataError(
                "This model was trained on a Dataset of tensors: give a torch Dataset, not "
                f"{type(data).__name__}."
            )
        return self.schema

    def _stacked(self, data: Dataset[Any], targets: Sequence[str]) -> tuple[dict[str, Any], pl.DataFrame]:
        """Return the inputs that training had, and the targets."""
        if self.schema is not None:
            raise DataError("This model was trained on a table: give a table, not a Dataset of tensors.")
        keys = [*self.spec.tensors, *self.spec.ragged]
        inputs, table = stack_dataset(cast(MapDataset, data), targets, keys)
        for key in keys:
            inputs[key] = as_in_training(key, inputs[key], ragged=key in self.spec.ragged)
        return inputs, self.missing.blanked(table)

    def _completed(self, examples: Examples) -> Examples:
        """Return the rows with the labels that others imply."""
        if self.output_space is None:
            return examples
        targets, masks = self.output_space.implied(examples.targets, examples.masks)
        return replace(examples, targets=targets, masks=masks)

    def _labels(self, targets: pl.DataFrame) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        coded = {task.name: task.encode(targets) for task in self.tasks}
        return {name: pair[0] for name, pair in coded.items()}, {
            name: pair[1] for name, pair in coded.items()
        }


def _predicted(task: Task, output: Any, sizes: Sequence[tuple[int, int]] | None) -> dict[str, Any]:
    return task.predict(output) if sizes is None else task.predict_pictures(output, sizes)


def _plain(value: Any) -> Any:
    """Return one cell of a prediction as Python has it."""
    if isinstance(value, np.generic):
        return value.item()
    return value.to_list() if isinstance(value, pl.Series) else value


def no_inputs(tasks: Sequence[Task], columns: Mapping[str, ColumnChoice]) -> list[str]:
    """Return the columns that are no inputs: targets, what is said of them, and what some tasks are given.

    What a task that reads its own columns alone shall give, or is given, may be an input of the others: that
    is for the user to say, under `columns`.
    """
    apart = [task for task in tasks if task.prenet(1) is not None]
    strict = _columns([task for task in tasks if task not in apart])
    strict += [name for name in _of_labels(tasks) if name not in _columns(tasks)]
    given = [name for task in apart for name in [*task.columns, *getattr(task, "given", ())]]
    return [*strict, *(name for name in given if name not in columns or columns[name] == "drop")]


def _columns(tasks: Sequence[Task]) -> list[str]:
    return [column for task in tasks for column in task.columns]


def _of_labels(tasks: Sequence[Task]) -> list[str]:
    """Return the columns of the targets, of the rows' weights, and of what was looked for."""
    beside = [name for task in tasks for name in (task.weight_column, task.annotated) if name is not None]
    return list(dict.fromkeys([*_columns(tasks), *beside]))


def _constant(task: Task, saved: object) -> Tensor:
    """Return a saved constant output [O], or raise `DataError` if it is none."""
    numbers = saved if isinstance(saved, list) else []
    if len(numbers) != task.n_outputs or not all(type(value) in (int, float) for value in numbers):
        raise DataError(
            f"The schema is damaged: the constant of task {task.name!r} is {str(saved)[:80]}, expected a "
            f"list of {task.n_outputs} number{'s' * (task.n_outputs > 1)}."
        )
    return torch.tensor(numbers, dtype=torch.float32)
