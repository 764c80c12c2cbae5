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


def test_trees_decide_by_a_threshold_of_their_own_from_the_validation_rows():
    """The network's is for what the network says; beside it trees would be judged by another's rule."""

    def rare(seed: int, n: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=n)
        return pl.DataFrame({"x": x, "rare": x + rng.normal(size=n) > 2.2})

    train, held, test = rare(0, 900), rare(1, 600), rare(2, 600)
    task = ct.tasks.Binary("rare", threshold="f1", metrics=["auroc", "f1"])
    training = ct.Training(epochs=1, batch_size=64)
    learner = ct.Learner([task], training=training).fit(train, held, progress=False)
    parts = [learner.preprocessor.table(part) for part in (train, held, test)]
    found = trees_table(learner, *parts)
    trees = TreeReference(learner.preprocessor, parts[0], parts[1])
    said, on_test = (trees.scores(learner.preprocessor.tasks[0], part)[:, 0] for part in parts[1:])

    def f1(yes, truth):
        return 2 * (yes & truth).sum() / (yes.sum() + truth.sum())

    truth = held["rare"].to_numpy()
    best = max(f1(said >= t, truth) for t in said)
    as_good = [t for t in said if f1(said >= t, truth) == best]
    expected = {f1(on_test >= t, test["rare"].to_numpy()) for t in as_good}
    assert min(expected) - 0.02 <= found.value("rare", "f1") <= max(expected) + 0.02
    assert found.value("rare", "f1") > f1(on_test > 0.5, test["rare"].to_numpy())
