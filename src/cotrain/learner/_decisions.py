"""Where yes begins, for each task that was told to choose: on the validation rows, for whoever answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, final, runtime_checkable

from torch import Tensor

from cotrain.evaluation._padded_scores import scores_of, truth_of
from cotrain.tasks import Task
from cotrain.tasks._decision import HALF
from cotrain.training import Examples


@final
@dataclass(frozen=True)
class Thresholds:
    """What was chosen for one task.

    Args:
        values: of its labels, in (0, 1).
        sentence: by what, and what it brought.

    Example:
        >>> Thresholds((0.25,), "sold: decided at 0.25.").to_json()["values"]
        [0.25]
    """

    values: tuple[float, ...]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {"values": list(self.values), "sentence": self.sentence}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Make what `to_json` was made from.

        Raises:
            ValueError: a threshold is none.
        """
        values = tuple(float(value) for value in saved["values"])
        if not values or not all(0 < value < 1 for value in values):
            raise ValueError(f"thresholds of {saved['values']!r}")
        return cls(values, str(saved["sentence"]))


def choose_thresholds(
    tasks: Sequence[Task], outputs: Mapping[str, Tensor], held: Examples | None
) -> dict[str, Thresholds]:
    """Return task -> thresholds, of the tasks that shall choose them.

    Args:
        tasks: fitted tasks.
        outputs: of whoever answers on the validation rows, divided by their temperatures.
        held: those rows; `None`: there are none, and one half it is.
    """
    found = {}
    for task in tasks:
        if task.decision is None or not task.decision.is_chosen:
            continue
        if held is None:
            sentence = f"{task.name}: decided at 0.5: there are no validation rows to choose by."
            found[task.name] = Thresholds((HALF,) * len(task.labels), sentence)
            continue
        truth, mask = truth_of(task, held.targets[task.name], held.masks[task.name])
        scores = scores_of(task, outputs[task.name])
        decision, sentence = task.decision.choose(task.name, task.labels, scores, truth, mask=mask)
        found[task.name] = Thresholds(decision.thresholds, sentence)
    return found


def deciding(tasks: Sequence[Task], thresholds: Mapping[str, Thresholds]) -> list[Task]:
    """Return the tasks, those that have thresholds as copies that decide by them."""
    found = []
    for task in tasks:
        if task.decision is not None and task.name in thresholds:
            decided = copy.copy(task)
            decided.decision = replace(task.decision, thresholds=thresholds[task.name].values)
            task = decided
        found.append(task)
    return found


@runtime_checkable
class _FromAScore(Protocol):
    """A kind of task that predicts things from a score on, of which figures look at all."""

    least: float


def saying_all(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks, those that predict from a score on as copies that predict things of every score."""
    found = []
    for task in tasks:
        one = copy.copy(task)
        if isinstance(one, _FromAScore):
            one.least = 0.0
        found.append(one)
    return found
