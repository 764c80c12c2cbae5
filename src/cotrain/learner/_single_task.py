"""A network for each task alone, in as many steps as the joint one."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from cotrain._base._ragged import Leaves
from cotrain.cotraining import CoTraining
from cotrain.data import ColumnChoice
from cotrain.evaluation._tree_library import TreeLibraryName
from cotrain.learner._preprocessing import no_inputs
from cotrain.learner._preset import Answer
from cotrain.networks import HardSharing, OutputSpace, Sharing
from cotrain.tasks import Task
from cotrain.training import Training


class TaskLearner(Protocol):
    """What of a learner its tasks are learned by."""

    tasks: list[Task]
    sharing: Sharing
    output_space: OutputSpace | None
    cotraining: CoTraining | None
    training: Training
    columns: dict[str, ColumnChoice]
    answer: Answer | None
    trees: TreeLibraryName
    ensemble: int | None
    seed: int

    @property
    def fitted(self) -> Any:
        """The fitted model."""
        ...


_L = TypeVar("_L", bound=TaskLearner)


def single_task_learners(learner: _L) -> dict[str, _L]:
    """Return one unfitted learner per task: the same encoder, budget, seed and ensemble, nothing shared."""
    singles: dict[str, _L] = {}
    for task in learner.tasks:
        single = copy.deepcopy(learner)
        single.tasks = [copy.deepcopy(task)]
        single.sharing = HardSharing()
        single.output_space = None
        single.cotraining = None
        single.answer = None
        # The other targets are no inputs, unless the joint fit reads them, too: they are not there at
        # prediction time.
        others = [c for c in no_inputs(learner.tasks, learner.columns) if c not in task.columns]
        single.columns = {**learner.columns, **dict.fromkeys(others, "drop")}
        singles[task.name] = single
    return singles


def with_equal_steps(
    training: Training, n_rows: int, joint_rows: int, inputs: Leaves | None = None
) -> Training:
    """Return settings by which a fit on some rows takes as many steps as a joint one on more rows.

    Epochs are passes over the rows with a label. Where the labels of K tasks are on rows of their own the
    joint network takes K times the steps of a lone one in as many epochs, and learns more by that alone: 8
    tasks of 250 labels that have nothing in common gave delta_m = +4.4 % and a false "helped". So

        epochs = round(E · ⌈joint_rows / B⌉ / ⌈n_rows / B⌉),     at least 1,

    and the patience grows alike.

    Args:
        training: of the joint fit, with E epochs of batches of B rows.
        n_rows: training rows of this fit, ≥ 1.
        joint_rows: training rows of the joint fit, ≥ 1.
        inputs: of some rows, by which "auto" tells sentences and pictures from tables; `None`: of a
            table.

    Example:
        >>> equal = with_equal_steps(Training(epochs=20, batch_size=256, patience=5), 250, 2000)
        >>> equal.epochs, equal.patience
        (160, 40)
    """
    joint = training.budget(joint_rows, inputs)
    factor = math.ceil(max(1, joint_rows) / joint.batch_size) / math.ceil(max(1, n_rows) / joint.batch_size)
    epochs, patience = max(1, round(joint.epochs * factor)), joint.patience
    if patience is not None:
        patience = max(1, math.ceil(patience * epochs / joint.epochs))
    equal = training.fixed(replace(joint, epochs=epochs, patience=patience))
    equal.select = training.select
    return equal
