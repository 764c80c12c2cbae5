"""What was fitted to a task can be kept as arrays and answers the same, to the bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load, save
from scipy.sparse import csr_matrix

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import BoostedTrees, TreeRows, fit_trees
from cotrain.evaluation._boosted_trees import kept_categories
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Task

KINDS = [
    Binary("yes"),
    Regression("two", ["value", "other"]),
    Regression("three", ["value", "other", "third"], quantiles=[0.1, 0.9]),
    Multiclass("colour"),
    Ordinal("size"),
    Multilabel("tags", separator=","),
]


def rows_of(task: Task, *, words: bool) -> TreeRows:
    """A number, a category with rare values and gaps, words; targets with gaps."""
    rng = np.random.default_rng(0)
    x, category = rng.normal(size=200), rng.integers(0, 300, 200).astype(float)
    category[::9] = np.nan
    signal = x + 2.0 * (np.nan_to_num(category) % 2)
    table = pl.DataFrame(
        {
            "yes": signal > 1,
            "value": signal * 10,
            "other": -signal,
            "third": signal**2,
            "colour": np.array(["red", "green", "blue"])[np.digitize(signal, [0, 2])],
            "size": np.digitize(signal, [0, 1, 2]),
            "tags": ["a,b" if s > 1 else "a" if s > 0 else "c" for s in signal],
        }
    )
    missing = pl.Series(rng.random(200) < 0.3)
    table = table.with_columns(pl.when(~missing).then(pl.col(name)).alias(name) for name in table.columns)
    task.fit(table)
    terms = csr_matrix(rng.integers(0, 2, (200, 15)).astype(float)) if words else None
    return TreeRows(np.stack([x, category], axis=1), *task.encode(table), terms)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("task", KINDS, ids=lambda task: task.name)
def test_what_a_file_holds_answers_to_the_bit(task: Task, words: bool) -> None:
    rows = rows_of(task, words=words)
    trees = fit_trees(task, rows, categorical=np.array([False, True]), max_iter=15)
    again = BoostedTrees.from_arrays(load(save(trees.arrays())))
    found = trees.scores(task, rows)
    np.testing.assert_array_equal(again.scores(task, rows), found)
    assert found.std() > 0
    new = TreeRows(np.array([[0.1, 1e6], [np.nan, np.nan]]), terms=None if not words else rows.terms[:2])
    np.testing.assert_array_equal(again.scores(task, new), trees.scores(task, new))


def test_quantiles_without_the_trees_of_a_level_are_refused() -> None:
    task = KINDS[2]
    arrays = fit_trees(task, rows_of(task, words=False), max_iter=2).arrays()
    lost = {name: array for name, array in arrays.items() if not name.startswith("target.1.trees2.")}
    with pytest.raises(ValueError, match="a target has no trees"):
        BoostedTrees.from_arrays(lost)


def test_a_target_of_one_class_is_kept_as_well() -> None:
    task, table = Multilabel("m", ["a", "b"]), pl.DataFrame({"a": [0, 1] * 30, "b": [1] * 60})
    task.fit(table)
    rows = TreeRows(np.arange(60.0)[:, None], *task.encode(table))
    trees = fit_trees(task, rows, max_iter=5)
    again = BoostedTrees.from_arrays(trees.arrays())
    np.testing.assert_array_equal(again.scores(task, rows), trees.scores(task, rows))
    assert (again.scores(task, rows)[:, 1] == 1).all()


def test_the_most_frequent_categories_are_kept_in_order() -> None:
    column = np.array([5.0] * 3 + [2.0] * 2 + list(range(10, 400)) + [np.nan])
    kept = kept_categories(np.stack([column, column], axis=1), np.array([False, True]))
    assert list(kept) == [1]
    assert kept[1][:2].tolist() == [2.0, 5.0]
    assert len(kept[1]) == 254
    features = np.array([[0, 2.0], [0, 5.0], [0, 399.0], [0, np.nan]])
    places = TreeRows(features).with_kept(kept).features[:, 1]
    np.testing.assert_array_equal(places, [0, 1, 254, np.nan])
    np.testing.assert_array_equal(features[:, 1], [2, 5, 399, np.nan])


def test_rows_and_arrays_that_do_not_fit_are_refused() -> None:
    task = Binary("yes")
    rows = rows_of(task, words=False)
    trees = fit_trees(task, rows, categorical=np.array([False, True]), max_iter=5)
    with pytest.raises(InvalidArgumentError, match=r"expected \[M, 2\]"):
        trees.scores(task, TreeRows(np.zeros((3, 1))))
    arrays = trees.arrays()
    for change in ({"size": np.array([1, 1])}, {"kept.7": np.zeros(1)}):
        with pytest.raises(ValueError, match="column"):
            BoostedTrees.from_arrays(arrays | change)
    none = {name: array for name, array in arrays.items() if name in ("size", "kept.1")}
    with pytest.raises(ValueError, match="no trees"):
        BoostedTrees.from_arrays(none)
    with pytest.raises(KeyError):
        BoostedTrees.from_arrays({})
    with pytest.raises(InvalidArgumentError, match="needs the targets"):
        fit_trees(task, rows, TreeRows(rows.features))
    assert torch.is_tensor(rows.targets)
