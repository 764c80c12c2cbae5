from __future__ import annotations

import json
from typing import Literal

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.evaluation import calibration_error, diagnostics
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Task


def fitted(task: Task, frame: pl.DataFrame) -> Task:
    task.fit(pl.concat([frame, frame]))
    return task


def test_a_confusion_matrix_counts_true_rows_by_predicted_columns() -> None:
    task = fitted(Multiclass("c"), pl.DataFrame({"c": ["a", "b", "c"]}))
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0]])
    truth = np.array([[0], [1], [2], [0]])
    found = diagnostics(task, scores, truth, np.array([[True], [True], [True], [False]]))
    assert found["confusion"] == {
        "names": ["a", "b", "c"],
        "counts": [[1, 0, 0], [0, 1, 0], [1, 0, 0]],
        "right": 2,
    }
    assert sum(part["n"] for part in found["calibration"]) == 3


def test_many_classes_and_unseen_ones_are_counted_as_other() -> None:
    names = [f"k{i:02d}" for i in range(30)]
    task = fitted(Multiclass("c"), pl.DataFrame({"c": names}))
    truth = np.concatenate([np.arange(31), np.arange(5)])[:, None]  # 30 is a class nobody has seen
    found = diagnostics(task, np.eye(30)[np.minimum(truth[:, 0], 29)], truth, np.ones((36, 1), bool))
    counts = np.array(found["confusion"]["counts"])
    assert found["confusion"]["names"][-1] == "(other)"
    assert counts.shape == (16, 16)
    assert counts.sum() == 36


def test_labels_are_counted_where_they_are_known() -> None:
    task = fitted(Multilabel("t", columns=["p", "q"]), pl.DataFrame({"p": [0, 1], "q": [1, 0]}))
    scores, truth = np.array([[0.9, 0.9], [0.1, 0.9]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    found = diagnostics(task, scores, truth, np.array([[True, False], [True, True]]))
    assert [list(label.values())[2:] for label in found["labels"]] == [[1, 0, 1, 0], [0, 1, 0, 0]]


def test_residuals_are_a_sample_that_does_not_change() -> None:
    task = fitted(Regression("y"), pl.DataFrame({"y": [0.0, 1.0]}))
    truth = np.arange(1000.0)[:, None]
    one, two = (diagnostics(task, truth + 2, truth, np.ones((1000, 1), bool)) for _ in range(2))
    assert one == two
    assert len(one["residuals"][0]["true"]) == 200
    assert (one["residuals"][0]["n"], one["residuals"][0]["mean_error"]) == (1000, 2.0)
    assert len(json.dumps(one)) < 10_000


def test_nothing_labelled_gives_nothing() -> None:
    task = fitted(Binary("y"), pl.DataFrame({"y": [0, 1]}))
    assert diagnostics(task, np.ones((2, 1)), np.ones((2, 1)), np.zeros((2, 1), bool)) == {}


def test_the_calibration_error_is_0_where_confidence_comes_true() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((20000, 1))
    task = fitted(Binary("y"), pl.DataFrame({"y": [0, 1]}))
    truth = (rng.random((20000, 1)) < p).astype(float)
    found = diagnostics(task, p, truth, np.ones_like(p, bool))
    assert calibration_error(found["calibration"]) < 0.02
    assert calibration_error([]) == pytest.approx(float("nan"), nan_ok=True)


@pytest.mark.parametrize(
    "task",
    [
        Binary("y"),
        Binary("y", threshold=0.2),
        Multiclass("y"),
        Ordinal("y"),
        Multilabel("y", columns=["y", "z"]),
        Multilabel("y", columns=["y", "z"], threshold=0.7),
    ],
    ids=repr,
)
def test_what_is_counted_is_what_is_predicted(task: Task) -> None:
    rng = np.random.default_rng(0)
    few = isinstance(task, Binary | Multilabel)
    frame = pl.DataFrame({name: rng.integers(0, 2 if few else 20, 400) for name in ("y", "z")})
    task.fit(frame)
    output = torch.from_numpy(rng.normal(size=(400, task.n_outputs))).float()
    targets, mask = task.encode(frame)
    right = (task.pseudo_label(output) == targets).numpy()
    found = diagnostics(task, task.scores(output).double().numpy(), targets.numpy(), mask.numpy())
    if "confusion" in found:
        assert found["confusion"]["right"] == right.sum()
        sure = task.confidence(output)[:, 0].numpy()
        said = sum(part["n"] * part["confidence"] for part in found["calibration"]) / 400
        assert said == pytest.approx(sure.mean(), abs=1e-3)
        true = sum(part["n"] * part["right"] for part in found["calibration"]) / 400
        assert true == pytest.approx(right.mean(), abs=1e-3)
    else:
        counts = [label["true_positive"] + label["true_negative"] for label in found["labels"]]
        assert counts == right.sum(axis=0).tolist()
        assert {label["threshold"] for label in found["labels"]} == {getattr(task, "threshold", None) or 0.5}


@pytest.mark.parametrize(("transform", "unit"), [("none", ""), ("log", "log10"), ("log1p", "log1p")])
def test_residuals_say_of_what_they_are(transform: Literal["none", "log", "log1p"], unit: str) -> None:
    task = fitted(Regression("y", transform=transform), pl.DataFrame({"y": [1.0, 10.0]}))
    found = diagnostics(task, np.ones((3, 1)), np.zeros((3, 1)), np.ones((3, 1), bool))
    assert [one["unit"] for one in found["residuals"]] == [unit]
