"""What trees come to on the test rows, beside a multi-task network."""

from __future__ import annotations

from cotrain.data import TypedTable
from cotrain.evaluation import EvaluationTable, evaluate_scores
from cotrain.learner import Learner
from cotrain.learner._tree_reference import TreeReference


def trees_table(
    learner: Learner,
    train: TypedTable,
    validation: TypedTable | None,
    test: TypedTable,
    *,
    trees: TreeReference | None = None,
) -> EvaluationTable:
    """Return the test figures of gradient-boosted trees, one model per target, on the same inputs.

    Of tasks with an output for each position there are none: trees answer once a row.

    Args:
        learner: fitted.
        train: rows to learn from.
        validation: rows to stop by; `None`: there are none.
        test: rows to judge by.
        trees: that have read the training rows already; `None`: there are none yet.
    """
    preprocessor = learner.preprocessor
    tasks = [task for task in preprocessor.tasks if task.reads == "vector"]
    if preprocessor.schema is None or not tasks:
        return EvaluationTable([])
    trees = trees or TreeReference(preprocessor, train, validation, seed=learner.seed)
    held_out = preprocessor.examples(test)
    rows = []
    for task in tasks:
        scores = trees.scores(task, test)
        rows += evaluate_scores(
            task, scores, held_out.targets[task.name], held_out.masks[task.name], parts=True
        )
    return EvaluationTable(rows)
