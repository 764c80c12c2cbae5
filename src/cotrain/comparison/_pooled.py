"""One head for all tasks, learned on their stacked labels: the reference that knows no task from another."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cotrain._base import DataError, parameters_of, write_atomically, write_text_atomically
from cotrain.balancing import Equal
from cotrain.configuration import construct_class, foreign_kinds
from cotrain.learner import Learner, Preprocessor
from cotrain.learner._picture_changes import picture_changes
from cotrain.learner._run_manifest import seal, unseal, verify
from cotrain.learner._temperatures import fit_temperatures
from cotrain.networks import MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, Fit, FitResult, Logger
from cotrain.training._predict import outputs_of

_FILES = _DESCRIPTION, _WEIGHTS = "pooled.json", "pooled.safetensors"
#: What tasks that are pooled may differ in.
_OWN = ("name", "columns", "weight", "preference", "when", "sample_weight", "positive")


def why_not_pooled(tasks: Sequence[Task], ensemble: int | None = None) -> str | None:
    """Return why these tasks cannot have one head, as a sentence; `None` if they can.

    Args:
        tasks: of the learner.
        ensemble: networks of those that it would stand beside.

    Example:
        >>> from cotrain.tasks import Binary, Regression
        >>> why_not_pooled([Binary("a"), Binary("b")])
        >>> why_not_pooled([Binary("a"), Regression("b")])
        'No pooled network: a is Binary and b is Regression, and one head needs tasks of one kind.'
    """
    first = tasks[0]
    if len(tasks) == 1:
        return f"No pooled network: {first.name} is the only task."
    if ensemble is not None and ensemble > 1:
        return f"No pooled network: it would be one beside ensembles of {ensemble}."
    for other in tasks[1:]:
        if type(other) is not type(first):
            return (
                f"No pooled network: {first.name} is {type(first).__name__} and {other.name} is "
                f"{type(other).__name__}, and one head needs tasks of one kind."
            )
        for name, value in parameters_of(first).items():
            if name not in _OWN and parameters_of(other)[name] != value:
                return (
                    f"No pooled network: {first.name} has {name}={value!r} and {other.name} has "
                    f"{name}={parameters_of(other)[name]!r}, and one head needs tasks alike."
                )
        if len(other.columns) != len(first.columns):
            return f"No pooled network: {first.name} and {other.name} have different numbers of columns."
    if first.reads != "vector":
        return f"No pooled network: {first.name} has many answers a row, and labels are pooled by rows."
    return None


@final
@dataclass
class PooledNetwork:
    """A network with one head for tasks of one kind.

    Every label is a training row: the rows of all tasks are stacked, and the network does not learn which
    task a row comes from. Numbers are standardised by the mean and deviation of their own task before and
    brought back after, so that tasks in different units can be pooled.

    Args:
        learner: gives encoder, training settings and seed.
        preprocessor: of inputs and tasks.
        model: the network; its one task is the first.
        result: how the fit went.
        temperature: by which its outputs are divided; 1 for numbers.
    """

    learner: Learner
    preprocessor: Preprocessor
    model: MultiTaskNetwork
    result: FitResult
    temperature: float = 1.0

    @classmethod
    def fit(
        cls,
        learner: Learner,
        train: object,
        validation: object,
        *,
        left_out: Sequence[str],
        loggers: Iterable[Logger] = (),
    ) -> Self:
        """Fit the network to the stacked rows.

        Raises:
            DataError: the tasks have different classes.
        """
        preprocessor, examples = Preprocessor.fit(
            train, learner.tasks, learner.columns, left_out, coding=learner.architecture.coding
        )
        first = preprocessor.tasks[0]
        for other in preprocessor.tasks[1:]:
            if first.class_names and other.class_names != first.class_names:
                raise DataError(
                    f"No pooled network: {first.name} has the classes {first.parts[:8]} and {other.name} has "
                    f"{other.parts[:8]}, and one head needs the same."
                )
        stacked = _stack(preprocessor.tasks, examples)
        model = learner.architecture.build(preprocessor, [first], "pooled")
        task = (stacked.targets[first.name], stacked.masks[first.name])
        first.start_head(model.heads[0], *task)
        held = _stack(preprocessor.tasks, preprocessor.examples(validation))
        fit = Fit(
            model,
            [first],
            Equal(),
            learner.training,
            train=stacked,
            validation=held,
            seed=learner.seed,
            loggers=loggers,
            augment=picture_changes(learner.augmentation, preprocessor.spec, [first]),
        )
        result = fit.run()
        model = fit.model.cpu()
        model.load_state_dict(result.weights[result.weights_of[first.name]])
        of_held = outputs_of(model, held.inputs)
        temperature = fit_temperatures([first], of_held, held).get(first.name, 1.0)
        return cls(learner, preprocessor, model, result, temperature)

    def scores(self, inputs: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        """Return task -> scores, each in the unit of its own metrics."""
        (output,) = outputs_of(self.model, inputs).values()
        output = output / self.temperature
        return {task.name: task.scores(output).double().numpy() for task in self.preprocessor.tasks}

    def save(self, folder: Path) -> None:
        """Write what `load` needs; the manifest is written last."""
        folder.mkdir(parents=True, exist_ok=True)
        unseal(folder)
        weights = {name: tensor.contiguous().clone() for name, tensor in self.model.state_dict().items()}
        write_atomically(folder / _WEIGHTS, lambda path: save_file(weights, path))
        values = {
            "config": self.learner.config(),
            "preprocessor": self.preprocessor.to_json(),
            "temperature": self.temperature,
        }
        write_text_atomically(folder / _DESCRIPTION, json.dumps(values, ensure_ascii=False) + "\n")
        seal(folder, _FILES)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether `save` wrote to this folder."""
        return (folder / _DESCRIPTION).exists()

    @classmethod
    def load(cls, folder: Path, trusted: Collection[str] = ()) -> Self:
        """Read what `save` wrote; nothing is unpickled.

        Args:
            folder: of the model.
            trusted: classes from outside this library that it may name.

        Raises:
            RunError: a file is damaged, absent or of another model.
        """
        verify(folder, _FILES)
        values = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        known = foreign_kinds(values["config"]) <= set(trusted)
        learner = construct_class(Learner, values["config"], f"{folder}/{_DESCRIPTION}", trust=known)
        preprocessor = Preprocessor.from_json(values["preprocessor"], learner.tasks)
        model = learner.architecture.build(preprocessor, preprocessor.tasks[:1], "pooled", start=False)
        model.load_state_dict(load_file(folder / _WEIGHTS))
        result = FitResult([], {}, {}, [], skipped={})
        return cls(learner, preprocessor, model, result, float(values.get("temperature", 1.0)))


def _stack(tasks: Sequence[Task], rows: Examples) -> Examples:
    """Return the labelled rows of all tasks below one another, as rows of the first."""
    picked = [torch.nonzero((rows.masks[task.name] > 0).any(dim=1)).flatten() for task in tasks]
    name = tasks[0].name
    targets = torch.cat([rows.targets[task.name][of] for task, of in zip(tasks, picked, strict=True)])
    masks = torch.cat([rows.masks[task.name][of] for task, of in zip(tasks, picked, strict=True)])
    every = torch.cat(picked)
    inputs = {key: tensor[every] for key, tensor in rows.inputs.items()}
    return Examples(inputs, {name: targets}, {name: masks})
