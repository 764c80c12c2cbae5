"""Boosted trees of a comparison: their score on validation rows, and the scores of test rows."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison._checked_files import read_arrays
from cotrain.comparison._tree_jobs import score_trees, train_trees
from cotrain.data import TypedTable
from cotrain.learner import Preprocessor
from cotrain.learner._tree_reference import TreeReference

TASKS = [ct.tasks.Regression("a"), ct.tasks.Tagging("words"), ct.tasks.Binary("b")]
PARTS = {"train": 120, "validation": 40, "test": 30}


def table(seed: int, n: int) -> pl.DataFrame:
    x = np.random.default_rng(seed).normal(size=n)
    tokens = [["u", "v"] if value > 0 else ["w"] for value in x]
    tags = [["N", "V"] if value > 0 else ["X"] for value in x]
    return pl.DataFrame({"x": x, "tokens": tokens, "a": 3 * x, "words": tags, "b": x > 0})


@pytest.fixture
def config(tmp_path):
    for seed, (part, n_rows) in enumerate(PARTS.items()):
        TypedTable.read(table(seed, n_rows)).write_parquet(tmp_path / f"{part}.parquet")
    return ct.Learner(TASKS, columns={"tokens": "words"}, seed=3).config()


def reference(tmp_path) -> tuple[Preprocessor, TreeReference, TypedTable, TypedTable]:
    train, validation, test = (TypedTable.read(tmp_path / f"{part}.parquet") for part in PARTS)
    preprocessor, _ = Preprocessor.fit(train, TASKS, {"tokens": "words"}, [])
    return preprocessor, TreeReference(preprocessor, train, validation, seed=3), validation, test


def test_the_record_holds_by_how_much_trees_beat_a_constant_on_the_validation_rows(tmp_path, config):
    train_trees(str(tmp_path), str(tmp_path), config, [], task="a", learning_rate=0.2)
    record = json.loads((tmp_path / "cell.json").read_text())
    preprocessor, trees, validation, _ = reference(tmp_path)
    task = next(one for one in preprocessor.tasks if one.name == "a")
    said = trees.scores(task, validation, learning_rate=0.2)[:, 0]
    truth, mean = validation.frame["a"].to_numpy(), table(0, PARTS["train"])["a"].mean()
    rmse, constant = (np.sqrt(np.mean((one - truth) ** 2)) for one in (said, mean))
    assert record["score"] == pytest.approx(1 - rmse / constant)
    assert record["seconds"] >= 0
    assert record["cpu_seconds"] >= 0


def test_test_rows_are_scored_at_the_rate_of_each_task_and_no_others(tmp_path, config):
    """Of tasks with an answer for each word there are no trees: none is asked for."""
    rates = {"a": 0.3, "b": 0.05}
    score_trees(str(tmp_path), str(tmp_path / "scores.npz"), config, [], learning_rates=rates)
    arrays = read_arrays(tmp_path / "scores.npz")
    preprocessor, trees, _, test = reference(tmp_path)
    assert set(arrays) == {"0/0", "0/2"}
    for number, rate in ((0, 0.3), (2, 0.05)):
        expected = trees.scores(preprocessor.tasks[number], test, learning_rate=rate)
        np.testing.assert_array_equal(arrays[f"0/{number}"], expected)
