"""Those who answer beside the joint network, and who of them answers for which task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, final

import torch
from torch import Tensor

from cotrain.data import TypedTable
from cotrain.evaluation import BoostedTrees, TreeRows
from cotrain.evaluation._padded_scores import scores_of
from cotrain.learner._answer_choice import ALONE, JOINT, TREES, Answer, blended
from cotrain.learner._tree_reference import TreeInputs
from cotrain.tasks import Task


class Answering(Protocol):
    """A fitted model that may answer."""

    def outputs(self, data: object, *, figures: bool = False) -> dict[str, Any]:
        """Return each task's outputs for every row."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Answers:
    """Who answers for which task, and what they need for it.

    Args:
        of_task: task -> who answers; a task that is absent is the joint network's.
        alone: task -> the network for it alone, where it has a part in the answer.
        trees: task -> its trees, where they have a part in the answer.
        tree_inputs: what the trees are told of rows; `None`: no trees answer.
        temperatures: task -> what the trees' outputs are divided by.

    Example:
        >>> Answers({"price": Answer("trees", {"trees": 1.0}), "sold": Answer()}).others
        ['price']
    """

    of_task: Mapping[str, Answer] = field(default_factory=dict)
    alone: Mapping[str, Answering] = field(default_factory=dict)
    trees: Mapping[str, BoostedTrees] = field(default_factory=dict)
    tree_inputs: TreeInputs | None = None
    temperatures: Mapping[str, float] = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        """The tasks that the joint network does not answer for by itself."""
        return [task for task, answer in self.of_task.items() if set(answer.weights) != {JOINT}]

    def applied(
        self,
        outputs: Mapping[str, Any],
        tasks: Mapping[str, Task],
        table: TypedTable,
        *,
        figures: bool = False,
    ) -> dict[str, Any]:
        """Return the outputs of whoever answers.

        Args:
            outputs: of the joint network, divided by its temperatures; tasks may be missing, and stay so.
            tasks: the fitted tasks by name.
            table: the rows.
            figures: whether the labels of the rows may be read, see `FittedModel.outputs`.
        """
        found, rows = dict(outputs), None
        for name in self.others:
            if name not in outputs:
                continue
            task, answer, parts = tasks[name], self.of_task[name], {JOINT: outputs[name]}
            if ALONE in answer.weights:
                parts[ALONE] = self.alone[name].outputs(table, figures=figures)[name]
            if TREES in answer.weights:
                assert self.tree_inputs is not None
                rows = self.tree_inputs.rows(table) if rows is None else rows
                parts[TREES] = tree_outputs(task, self.trees[name], rows) / self.temperatures.get(name, 1.0)
            found[name] = answered(task, answer, parts)
        return found


def answered(task: Task, answer: Answer, parts: Mapping[str, Any]) -> Any:
    """Return the outputs of an answer: of its one member, or of the mean of its members' scores."""
    if len(answer.weights) == 1:
        return parts[next(iter(answer.weights))]
    scores = {name: scores_of(task, parts[name]) for name in answer.weights}
    return blended(task, scores, answer.weights)


def tree_outputs(task: Task, trees: BoostedTrees, rows: TreeRows) -> Tensor:
    """Return what a head would give where the trees give these scores, [N, O]."""
    output = task.output_of_scores(torch.from_numpy(trees.scores(task, rows)))
    assert output is not None
    return output
