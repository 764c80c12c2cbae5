"""What a multi-task network is compared with."""

from __future__ import annotations

import copy

import numpy as np
import polars as pl

from cotrain.data import FeatureMatrix
from cotrain.evaluation import EvaluationTable, boosted_trees, evaluate_scores
from cotrain.learner import Learner
from cotrain.networks import HardSharing
from cotrain.tasks import Task
from cotrain.training import Examples


def single_task_learners(learner: Learner) -> dict[str, Learner]:
    """Return one unfitted learner per task: the same encoder, budget and seed, nothing shared."""
    singles: dict[str, Learner] = {}
    for task in learner.tasks:
        others = [column for other in learner.tasks if other is not task for column in other.columns]
        single = copy.deepcopy(learner)
        single.tasks = [copy.deepcopy(task)]
        single.sharing = HardSharing()
        single.output_space = None
        single.cotraining = None
        # The other targets are no inputs: they are not there at prediction time.
        single.columns = {**learner.columns, **{c: "drop" for c in others if c not in task.columns}}
        singles[task.name] = single
    return singles


def trees_table(learner: Learner, train: pl.DataFrame, test: pl.DataFrame) -> EvaluationTable:
    """Return the test figures of gradient-boosted trees, one model per target, on the same inputs.

    Of tasks with an output for each position there are none: trees answer once a row.
    """
    preprocessor = learner.preprocessor
    tasks = [task for task in preprocessor.tasks if task.reads == "vector"]
    if preprocessor.schema is None or not tasks:
        return EvaluationTable([])
    fitted, held_out = preprocessor.examples(train), preprocessor.examples(test)
    features = tree_features(fitted, held_out)
    rows = []
    for task in tasks:
        scores = tree_scores(task, features, fitted, seed=learner.seed)
        rows += evaluate_scores(
            task, scores, held_out.targets[task.name], held_out.masks[task.name], parts=True
        )
    return EvaluationTable(rows)


#: Tokens per tags or text column. On the film table 100 of them take boosted trees five times as long and are
#: worth little (accuracy of `certificate` .574 -> .576, R² of `meter` .335 -> .334, AUROC of `oscar` .907 ->
#: .899).
TREE_TOKENS = 16

#: Features of N and of M rows, float [N, F] and [M, F], and which columns hold categories, bool [F].
Features = tuple[np.ndarray, np.ndarray, np.ndarray]


def tree_features(fitted: Examples, held_out: Examples) -> Features:
    """Return what trees read of N rows to learn from and M rows to judge."""
    matrix = FeatureMatrix(TREE_TOKENS).fit(fitted.inputs)
    return matrix.transform(fitted.inputs), matrix.transform(held_out.inputs), matrix.categorical


def tree_scores(
    task: Task, features: Features, fitted: Examples, *, learning_rate: float = 0.05, seed: int = 0
) -> np.ndarray:
    """Fit boosted trees to one fitted task and return their scores [M, ...]; see `boosted_trees`."""
    before, after, categorical = features
    return boosted_trees(
        task,
        before,
        fitted.targets[task.name],
        fitted.masks[task.name],
        features_test=after,
        categorical=categorical,
        max_iter=tree_rounds(task),
        learning_rate=learning_rate,
        seed=seed,
    )


def tree_rounds(task: Task) -> int:
    """Return the boosting rounds that a task's trees get at most.

    A model is fitted per label: with many of them fewer rounds each, or the trees would outlast all networks.
    """
    return 300 if len(task.labels) <= 8 else 100
