"""What trees come to on the test rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison._trees_table import trees_table
from cotrain.evaluation import EvaluationTable
from cotrain.learner._tree_reference import TreeReference


def table(seed: int, n: int) -> pl.DataFrame:
    x = np.random.default_rng(seed).normal(size=n)
    size = pl.Series([None if i % 3 == 0 else 3 * value for i, value in enumerate(x)], dtype=pl.Float64)
    return pl.DataFrame({"x": x, "size": size, "big": x > 0})


def fitted(*tasks: ct.tasks.Task) -> ct.Learner:
    training = ct.Training(epochs=1, batch_size=32)
    return ct.Learner(list(tasks), training=training, seed=2).fit(
        table(0, 120), validation=None, progress=False
    )


def test_every_figure_is_that_of_the_trees_scores_on_the_labelled_rows():
    learner = fitted(ct.tasks.Regression("size"), ct.tasks.Binary("big"))
    train, held, test = (learner.preprocessor.table(table(seed, 80)) for seed in (0, 1, 2))
    found = trees_table(learner, train, held, test)
    trees = TreeReference(learner.preprocessor, train, held, seed=2)
    assert found == trees_table(learner, train, held, test, trees=trees)
    truth = test.frame["size"]
    said = trees.scores(learner.preprocessor.tasks[0], test)[:, 0][truth.is_not_null().to_numpy()]
    assert found.value("size", "rmse") == pytest.approx(
        np.sqrt(np.mean((said - truth.drop_nulls().to_numpy()) ** 2))
    )
    assert found.row("size").n_labelled == truth.count()
    right = (trees.scores(learner.preprocessor.tasks[1], test)[:, 0] > 0.5) == test.frame["big"].to_numpy()
    assert found.value("big", "accuracy") == pytest.approx(right.mean())


def test_of_answers_for_each_word_there_is_no_figure():
    frame = pl.DataFrame({"tokens": [["a", "b"], ["c"]] * 20, "tags": [["N", "V"], ["N"]] * 20})
    learner = ct.Learner(
        [ct.tasks.Tagging("tags")], columns={"tokens": "words"}, training=ct.Training(epochs=1, batch_size=8)
    ).fit(frame, validation=None, progress=False)
    rows = learner.preprocessor.table(frame)
    assert trees_table(learner, rows, None, rows) == EvaluationTable([])
