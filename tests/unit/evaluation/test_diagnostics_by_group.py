from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import TaskRecords, errors_by_group
from cotrain.tasks import Binary, Regression


def records(scores: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> TaskRecords:
    """Make the records of a target whose coding leaves values as they are."""
    task = Regression("y")
    task.fit(pl.DataFrame({"y": [-1.0, 1.0]}))
    found = TaskRecords(task)
    labelled = np.ones(truth.shape, bool) if mask is None else mask
    found.add_scores(scores, torch.from_numpy(truth), torch.from_numpy(labelled))
    return found


def test_a_group_with_larger_errors_is_called_worse_and_only_that_one() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{i % 4}" for i in range(800)]
    truth = rng.normal(size=(800, 1))
    scale = np.where(np.array(groups) == "g2", 3.0, 1.0)[:, None]
    found = errors_by_group(records(truth + scale * rng.normal(size=(800, 1)), truth), groups)
    assert {record["group"]: record["word"] for record in found}["g2"] == "worse"
    assert [record["group"] for record in found if record["word"] == "worse"] == ["g2"]
    record = found[2]
    assert record["interval"][0] < record["value"] - record["rest"] < record["interval"][1]
    assert json.loads(json.dumps(found)) == found


def test_without_a_difference_hardly_anything_is_named() -> None:
    named = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(200, 1))
        groups = [f"g{i % 5}" for i in range(200)]
        found = errors_by_group(records(truth + rng.normal(size=(200, 1)), truth), groups)
        named += any(record["word"] for record in found)
    assert named <= 4  # at most 1 % of cases by design; five of forty would be a chance below 1 in 10,000


def test_small_groups_are_counted_together_and_missing_ones_are_a_group() -> None:
    groups = [None, None, None, *(f"k{i:02d}" for i in range(30) for _ in range(2 if i < 20 else 1))]
    n = len(groups)
    truth = np.arange(float(n))[:, None]
    found = errors_by_group(records(truth + 1, truth), groups)
    assert len(found) == 13
    assert [found[0]["group"], found[1]["group"]] == ["(other)", "(missing)"]
    assert sum(record["n_labelled"] for record in found) == n


def test_unlabelled_rows_count_for_nothing_and_one_group_alone_is_no_comparison() -> None:
    truth, mask = np.arange(10.0)[:, None], np.ones((10, 1), bool)
    mask[5:] = False
    assert errors_by_group(records(truth, truth, mask), ["a"] * 5 + ["b"] * 5) == []
    with pytest.raises(InvalidArgumentError, match="got 3 groups for 10 rows"):
        errors_by_group(records(truth, truth, mask), ["a"] * 3)


def test_a_group_in_which_the_metric_is_undefined_has_no_word() -> None:
    task = Binary("y")
    task.fit(pl.DataFrame({"y": [0, 1, 0, 1]}))
    truth = np.array([[1.0]] * 20 + [[0.0], [1.0]] * 20)
    scores = np.linspace(0.1, 0.9, 60)[:, None]
    of_rows = TaskRecords(task)
    of_rows.add_scores(scores, torch.from_numpy(truth), torch.ones(60, 1, dtype=torch.bool))
    found = errors_by_group(of_rows, ["all yes"] * 20 + ["mixed"] * 40)
    by_name = {record["group"]: record for record in found}
    assert by_name["all yes"]["value"] is None
    assert (by_name["all yes"]["interval"], by_name["all yes"]["word"]) == (None, "")
