"""What a multi-task network is compared with."""

from __future__ import annotations

import copy

import polars as pl

from cotrain.comparison._features import PlainFeatures
from cotrain.evaluation import EvaluationTable, boosted_trees, evaluate_scores
from cotrain.learner import Learner
from cotrain.networks import HardSharing
from cotrain.tasks import Task


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
    """Return the test figures of gradient-boosted trees, one model per target, on the same inputs."""
    coding = learner.coding
    if coding.schema is None:
        return EvaluationTable([])
    fitted, held_out = coding.examples(train), coding.examples(test)
    features = PlainFeatures(coding.schema).fit(fitted.inputs)
    features_train, categorical = features.transform(fitted.inputs)
    features_test, _ = features.transform(held_out.inputs)
    rows = []
    for task in coding.tasks:
        scores = boosted_trees(
            task,
            features_train,
            fitted.targets[task.name],
            fitted.masks[task.name],
            features_test,
            categorical=categorical,
            max_iter=tree_rounds(task),
            seed=learner.seed,
        )
        rows += evaluate_scores(
            task, scores, held_out.targets[task.name], held_out.masks[task.name], parts=True
        )
    return EvaluationTable(rows)


def tree_rounds(task: Task) -> int:
    """Return the boosting rounds that a task's trees get at most.

    A model is fitted per label: with many of them fewer rounds each, or the trees would outlast all networks.
    """
    return 300 if len(task.labels) <= 8 else 100
