"""What trees come to on the test rows, beside a multi-task network."""

from __future__ import annotations

from collections.abc import Mapping

from cotrain.data import TypedTable
from cotrain.evaluation import BoostedTrees, EvaluationTable, evaluate_scores
from cotrain.evaluation._padded_scores import truth_of
from cotrain.learner import Learner
from cotrain.learner._decisions import Thresholds, deciding
from cotrain.learner._tree_reference import TreeReference
from cotrain.tasks import Task


def trees_table(
    learner: Learner,
    train: TypedTable,
    validation: TypedTable | None,
    test: TypedTable,
    *,
    trees: TreeReference | None = None,
    fitted: Mapping[str, BoostedTrees] | None = None,
) -> EvaluationTable:
    """Return the test figures of gradient-boosted trees, one model per target, on the same inputs.

    Of tasks with an output for each position there are none: trees answer once a row.

    Args:
        learner: fitted.
        train: rows to learn from.
        validation: rows to stop by; `None`: there are none.
        test: rows to judge by.
        trees: that have read the training rows already; `None`: there are none yet.
        fitted: task -> trees of these training rows, where some were fitted elsewhere.
    """
    preprocessor = learner.preprocessor
    tasks = [task for task in preprocessor.tasks if task.reads == "vector"]
    if preprocessor.schema is None or not tasks:
        return EvaluationTable([])
    trees = trees or TreeReference(
        preprocessor, train, validation, seed=learner.seed, library=learner.trees, fitted=fitted
    )
    held_out = preprocessor.examples(test)
    rows = []
    for task in tasks:
        scores = trees.scores(task, test)
        task = _deciding(task, trees, validation)
        rows += evaluate_scores(
            task, scores, held_out.targets[task.name], held_out.masks[task.name], parts=True
        )
    return EvaluationTable(rows)


def _deciding(task: Task, trees: TreeReference, validation: TypedTable | None) -> Task:
    """Return the task with thresholds for what the trees say, by the same rule and rows as the network's."""
    if task.decision is None or not task.decision.is_chosen or validation is None or not validation.height:
        return task
    held = trees.preprocessor.examples(validation)
    truth, mask = truth_of(task, held.targets[task.name], held.masks[task.name])
    said = trees.scores(task, validation)
    chosen, sentence = task.decision.choose(task.name, task.labels, said, truth, mask=mask)
    return deciding([task], {task.name: Thresholds(chosen.thresholds, sentence)})[0]
