"""What a multi-task network is compared with."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import final

import numpy as np

from cotrain.data import FeatureMatrix, TermMatrix, TypedTable
from cotrain.evaluation import EvaluationTable, TreeRows, boosted_trees, evaluate_scores
from cotrain.learner import Learner, Preprocessor
from cotrain.learner._preprocessing import no_inputs
from cotrain.networks import HardSharing
from cotrain.tasks import Task
from cotrain.training import Examples


def single_task_learners(learner: Learner) -> dict[str, Learner]:
    """Return one unfitted learner per task: the same encoder, budget and seed, nothing shared."""
    singles: dict[str, Learner] = {}
    for task in learner.tasks:
        single = copy.deepcopy(learner)
        single.tasks = [copy.deepcopy(task)]
        single.sharing = HardSharing()
        single.output_space = None
        single.cotraining = None
        # The other targets are no inputs, unless the joint fit reads them, too: they are not there at
        # prediction time.
        others = [c for c in no_inputs(learner.tasks, learner.columns) if c not in task.columns]
        single.columns = {**learner.columns, **dict.fromkeys(others, "drop")}
        singles[task.name] = single
    return singles


def trees_table(
    learner: Learner, train: TypedTable, validation: TypedTable | None, test: TypedTable
) -> EvaluationTable:
    """Return the test figures of gradient-boosted trees, one model per target, on the same inputs.

    Of tasks with an output for each position there are none: trees answer once a row.

    Args:
        learner: fitted.
        train: rows to learn from.
        validation: rows to stop by; `None`: there are none.
        test: rows to judge by.
    """
    preprocessor = learner.preprocessor
    tasks = [task for task in preprocessor.tasks if task.reads == "vector"]
    if preprocessor.schema is None or not tasks:
        return EvaluationTable([])
    trees = TreeReference(preprocessor, train, validation, seed=learner.seed)
    held_out = preprocessor.examples(test)
    rows = []
    for task in tasks:
        scores = trees.scores(task, test)
        rows += evaluate_scores(
            task, scores, held_out.targets[task.name], held_out.masks[task.name], parts=True
        )
    return EvaluationTable(rows)


#: Tokens per tags or text column, beside what a linear model of all of them says. On the film table 16 are
#: worth having (R² of `meter` .31 without, .37 with them); 100 take five times as long and are worth little.
TREE_TOKENS = 16


@final
class TreeReference:
    """Boosted trees that have read the training rows, ready to be fitted to any task.

    They see the numbers, the codes of categories, the most frequent tokens, and what a linear model of all
    words, pairs of words and tags says of the target, out of fold.

    Args:
        preprocessor: of inputs and tasks, fitted to the training rows.
        train: the training rows.
        validation: the rows that boosting stops by; `None`: there are none.
        seed: of folds and splits.
    """

    def __init__(
        self,
        preprocessor: Preprocessor,
        train: TypedTable,
        validation: TypedTable | None,
        *,
        seed: int = 0,
    ) -> None:
        self.preprocessor, self.seed = preprocessor, seed
        self._train = preprocessor.examples(train)
        self._matrix = FeatureMatrix(TREE_TOKENS).fit(self._train.inputs)
        schema = preprocessor.schema
        self._terms = None if schema is None else TermMatrix(schema).fit(train.frame)
        self._of_train = self._rows(train, self._train)
        held = None if validation is None or not validation.height else validation
        self._held = None if held is None else preprocessor.examples(held)
        self._of_held = None if held is None or self._held is None else self._rows(held, self._held)

    def _rows(self, table: TypedTable, rows: Examples) -> TreeRows:
        terms = None if self._terms is None else self._terms.transform(table.frame)
        return TreeRows(self._matrix.transform(rows.inputs), terms=terms)

    def scores(self, task: Task, table: TypedTable, *, learning_rate: float = 0.05) -> np.ndarray:
        """Fit the trees to one fitted task and return their scores of a table, [M, ...]."""
        return boosted_trees(
            task,
            _with_truth(self._of_train, task, self._train),
            self._rows(table, self.preprocessor.examples(table)),
            None if self._of_held is None else _with_truth(self._of_held, task, self._held),
            categorical=self._matrix.categorical,
            max_iter=tree_rounds(task),
            learning_rate=learning_rate,
            seed=self.seed,
        )


def _with_truth(rows: TreeRows, task: Task, of: Examples | None) -> TreeRows:
    """Return the rows with their labels of one task."""
    assert of is not None
    return replace(rows, targets=of.targets[task.name], mask=of.masks[task.name])


def tree_rounds(task: Task) -> int:
    """Return the boosting rounds that a task's trees get at most.

    A model is fitted per label: with many of them fewer rounds each, or the trees would outlast all networks.
    """
    return 2000 if len(task.labels) <= 8 else 100
