from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.evaluation import evaluate, evaluate_scores, evaluate_task
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Task

FRAME = pl.DataFrame(
    {
        "yes": ["y", "n", None, "y", "n", "n"],
        "colour": ["r", "g", "b", "b", "g", "r"],
        "size": [1, 2, 1, None, 2, 3],
        "value": [1.0, 2.0, 4.0, None, 8.0, None],
        "hot": [0, 1, None, 1, 0, 1],
        "wet": [1, 1, 0, None, 0, 0],
    }
).vstack(pl.DataFrame({"yes": [None], "colour": [None], "size": [3], "value": [None], "hot": [None],
                       "wet": [None]}, schema_overrides={"yes": pl.String, "colour": pl.String,
                       "value": pl.Float64, "hot": pl.Int64, "wet": pl.Int64}))  # fmt: skip


def fitted(*tasks: Task) -> list[Task]:
    for task in tasks:
        task.fit(FRAME)
    return list(tasks)


TASKS = fitted(
    Binary("yes"), Multiclass("colour"), Ordinal("size"), Regression("value"), Multilabel("m", ["hot", "wet"])
)
CODED = {task.name: task.encode(FRAME) for task in TASKS}
TARGETS = {name: targets for name, (targets, _) in CODED.items()}
MASKS = {name: mask for name, (_, mask) in CODED.items()}


def random_outputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {task.name: torch.randn(len(FRAME), task.n_outputs, generator=generator) for task in TASKS}


def test_every_task_has_its_metrics_and_the_constant() -> None:
    table = evaluate(TASKS, random_outputs(), TARGETS, MASKS)
    for task in TASKS:
        metrics = [row.metric for row in table if row.task == task.name]
        assert metrics == task.default_metrics()
        assert table.row(task.name).n_labelled == int(MASKS[task.name].any(dim=1).sum())
    assert table.row("yes").references["constant"] == 0.5
    assert table.row("colour").references["constant"] == pytest.approx(1 / 3)
    assert table.row("value", "r2").references["constant"] == pytest.approx(0, abs=1e-6)
    assert table.row("m").references["constant"] == 0.5


def test_perfect_outputs_are_perfect() -> None:
    outputs = {
        "yes": TARGETS["yes"] * 40 - 20,
        "colour": torch.eye(3)[TARGETS["colour"][:, 0]] * 40,
        "size": (TARGETS["size"] > torch.arange(2)).float() * 40 - 20,
        "value": TARGETS["value"],
        "m": TARGETS["m"] * 40 - 20,
    }
    table = evaluate(TASKS, outputs, TARGETS, MASKS)
    for task in TASKS:
        for metric in task.chosen_metrics():
            assert table.value(task.name, metric.name) == pytest.approx(metric.best, abs=1e-5)


def test_the_constant_of_the_training_rows_can_be_given() -> None:
    constants = {task.name: torch.full((task.n_outputs,), 3.0) for task in TASKS}
    table = evaluate(TASKS, random_outputs(), TARGETS, MASKS, constants=constants)
    assert table.row("value", "r2").references["constant"] < -1


def test_parts_have_their_own_labels() -> None:
    rows = evaluate_task(TASKS[4], random_outputs()["m"], TARGETS["m"], MASKS["m"], parts=True)
    counts = {row.part: row.n_labelled for row in rows if row.metric == "auroc"}
    assert counts == {None: 6, "hot": 5, "wet": 5}
    whole, *parts = (row.value for row in rows if row.metric == "auroc")
    assert whole == pytest.approx(np.mean(parts))


def test_scores_of_other_models_go_through_the_same_figures() -> None:
    outputs = random_outputs()
    for task in TASKS:
        truth = (TARGETS[task.name], MASKS[task.name])
        scores = task.scores(outputs[task.name]).double().numpy()
        assert evaluate_scores(task, scores, *truth) == evaluate_task(task, outputs[task.name], *truth)


def test_nothing_labelled_gives_nan_and_no_warning() -> None:
    masks = {name: torch.zeros_like(mask) for name, mask in MASKS.items()}
    table = evaluate(TASKS, random_outputs(), TARGETS, masks, parts=True)
    assert all(np.isnan(row.value) and row.n_labelled == 0 for row in table)
