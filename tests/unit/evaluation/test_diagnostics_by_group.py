from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import TaskRecords, errors_by_group
from cotrain.tasks import Binary, Multiclass, Regression, Task


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


def alike(task: Task, rng: np.random.Generator, n_rows: int) -> TaskRecords:
    """Make records of rows that are as hard as one another."""
    few = 2 if isinstance(task, Binary) else 4
    y = rng.normal(size=n_rows) if isinstance(task, Regression) else rng.integers(0, few, n_rows)
    frame = pl.DataFrame({"y": y})
    task.fit(frame)
    targets, mask = task.encode(frame)
    noise = torch.from_numpy(rng.normal(size=(n_rows, task.n_outputs))).float()
    right = targets.float() if task.n_outputs == 1 else torch.eye(few)[targets[:, 0]][:, : task.n_outputs]
    found = TaskRecords(task)
    found.add(right + noise, targets, mask)
    return found


@pytest.mark.parametrize("make", [lambda: Regression("y"), lambda: Binary("y"), lambda: Multiclass("y")])
def test_without_a_difference_small_groups_are_named_no_more_often_than_large_ones(make) -> None:
    named, times = 0, 0
    for size in (1, 2, 3, 5, 8, 12, 20):
        for seed in range(15):
            records_of = alike(make(), np.random.default_rng([size, seed]), 120)
            found = errors_by_group(records_of, ["small"] * size + ["large"] * (120 - size), seed=seed)
            named += any(record["word"] for record in found)
            times += 1
    assert named <= 0.05 * times  # at most 1 % by design, and 20 to 60 % where a bootstrap alone was asked


def test_too_small_a_group_has_its_value_and_why_it_has_no_word() -> None:
    groups = ["small"] * 5 + ["large"] * 60
    by_name = {
        one["group"]: one for one in errors_by_group(alike(Binary("y"), np.random.default_rng(0), 65), groups)
    }
    assert by_name["small"]["too_few"] == "5 labelled group's rows; 10 are needed"
    assert by_name["large"]["too_few"] == "5 labelled other rows; 10 are needed"
    assert by_name["small"]["value"] is not None
    truth = np.array([[1.0]] * 3 + [[0.0]] * 20 + [[0.0], [1.0]] * 20)
    task = Binary("y")
    task.fit(pl.DataFrame({"y": [0, 1, 0, 1]}))
    found = TaskRecords(task)
    found.add_scores(
        np.linspace(0, 1, 63)[:, None], torch.from_numpy(truth), torch.ones(63, 1, dtype=torch.bool)
    )
    by_name = {one["group"]: one for one in errors_by_group(found, ["rare"] * 23 + ["even"] * 40)}
    assert by_name["rare"]["too_few"] == "3 positives in the group's rows; 5 are needed"


def test_rows_that_belong_together_are_drawn_together() -> None:
    named = {"rows": 0, "patients": 0}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(40), 10)
        truth = rng.normal(size=(400, 1))
        size = np.exp(rng.normal(size=40))[patient][:, None]
        found, groups = records(truth + size, truth), [f"g{i % 2}" for i in patient]
        for what, tied in (("rows", None), ("patients", {"groups": patient})):
            named[what] += any(
                one["word"] for one in errors_by_group(found, groups, dependence=tied, seed=seed)
            )
    assert named["patients"] <= 2
    assert named["rows"] > 5
