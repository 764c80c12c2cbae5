from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Multilabel

FRAME = pl.DataFrame(
    {
        "a": [1, 0, None, 1],
        "b": ["yes", "no", "no", ""],
        "c": [True, None, False, True],
        "tags": ["x, y", "y", None, "x,x,z"],
    }
)


def fitted(**options) -> Multilabel:
    task = Multilabel("labels", **options)
    task.fit(FRAME)
    return task


def test_every_cell_is_missing_on_its_own() -> None:
    task = fitted(columns=["a", "b", "c"])
    targets, mask = task.encode(FRAME)
    assert mask.tolist() == [
        [True, True, True],
        [True, True, False],
        [False, True, True],
        [True, False, True],
    ]
    assert targets.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 1]]


def test_tags_are_kept_by_frequency() -> None:
    options = {"columns": "tags", "separator": ","}
    assert fitted(**options, min_count=1).labels == ["x", "y", "z"]
    assert fitted(**options).labels == ["x", "y"]
    assert fitted(**options, min_count=1, max_labels=1).labels == ["x"]
    task = fitted(**options)
    targets, mask = task.encode(FRAME)
    assert targets.tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]
    assert mask.tolist() == [[True, True], [True, True], [False, False], [True, True]]
    later = pl.DataFrame({"tags": ["w, x", "z", "w"]})
    assert task.unseen(later) == {"tags=w": 2}
    assert task.encode(later)[0].tolist() == [[1, 0], [0, 0], [0, 0]]


def test_a_column_of_lists() -> None:
    frame = pl.DataFrame({"tags": [["x", "y"], ["y"], None, [], ["x"]]})
    task = Multilabel("tags", separator="|")
    task.fit(frame)
    targets, mask = task.encode(frame)
    assert targets.tolist() == [[1, 1], [0, 1], [0, 0], [0, 0], [1, 0]]
    assert mask[:, 0].tolist() == [True, True, False, True, True]
    assert task.predict(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))["tags"] == ["x|y", ""]


def test_predictions_are_in_the_values_of_each_column() -> None:
    columns = fitted(columns=["a", "b", "c"]).predict(torch.tensor([[1.0, -1.0, 1.0]]))
    assert list(columns) == ["a", "a_probability", "b", "b_probability", "c", "c_probability"]
    assert (columns["a"], columns["b"], columns["c"]) == ([1], ["no"], [True])


def test_loss_by_hand() -> None:
    task = fitted(columns=["a", "b"], class_weight="balanced", label_smoothing=0.2)
    # Column a has two ones and one zero, column b one yes and two no.
    output = torch.tensor([[0.5, -1.0]])
    p, q = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(1.0))
    a = -(3 / 4) * (0.9 * math.log(p) + 0.1 * math.log(1 - p))
    b = -(3 / 2) * (0.9 * math.log(q) + 0.1 * math.log(1 - q))
    loss = task.loss(output, torch.tensor([[1.0, 1.0]]), torch.tensor([[True, True]]))
    assert float(loss) == pytest.approx((a + b) / 2, rel=1e-6)


def test_a_label_with_one_known_value_is_learned() -> None:
    task = Multilabel("m", ["a", "b"])
    task.fit(pl.DataFrame({"a": [0, 0, None], "b": [True, True, True]}))
    targets, _ = task.encode(pl.DataFrame({"a": [1], "b": [False]}))
    assert targets.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("frame", "options", "sentence"),
    [
        ({"a": [0, 1], "b": [None, None]}, {"columns": ["a", "b"]}, "target 'b' is missing in all 2 rows"),
        ({"a": [0, 1], "b": [1, 2]}, {"columns": ["a", "b", "c"]}, "'c' is not a column"),
        (
            {"a": [0, 1, 2], "b": [0, 1, 1]},
            {"columns": ["a", "b"]},
            "'a' needs two values, but has 3: 0, 1, 2",
        ),
        ({"a": ["x", "x"], "b": [0, 1]}, {"columns": ["a", "b"]}, "needs two values, but has 1: 'x'"),
        (
            {"a": ["x", "y"]},
            {"columns": "a", "separator": ","},
            r"occurs in min_count=2 .*most frequent, 'x', 1",
        ),
    ],
)
def test_labels_that_cannot_be_learned(frame: dict, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Multilabel("m", **options).fit(pl.DataFrame(frame))


@pytest.mark.parametrize(
    "options",
    [
        {"columns": "a"},
        {"columns": ["a", "b"], "separator": ","},
        {"columns": "a", "separator": ""},
        {"columns": "a", "separator": ",", "min_count": 0},
        {"columns": "a", "separator": ",", "max_labels": -1},
    ],
)
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match="Multilabel"):
        Multilabel("m", **options)


@pytest.mark.parametrize(
    ("name", "average", "reference"),
    [
        ("auroc", "macro", sk.roc_auc_score),
        ("auroc_micro", "micro", sk.roc_auc_score),
        ("average_precision", "macro", sk.average_precision_score),
        ("f1", "macro", sk.f1_score),
        ("f1_micro", "micro", sk.f1_score),
        ("precision", "macro", sk.precision_score),
        ("recall_micro", "micro", sk.recall_score),
    ],
)
def test_averages_equal_scikit_learn(name: str, average: str, reference) -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((100, 3)) < 0.4).astype(int)
    scores = np.clip(targets * 0.3 + rng.random((100, 3)) * 0.7, 0, 1)
    decided = (scores > 0.5).astype(int)
    given = scores if name.startswith(("auroc", "average")) else decided
    metric = next(metric for metric in Multilabel.available_metrics() if metric.name == name)
    value = metric.compute(scores, targets, np.ones_like(targets, bool))
    assert value == pytest.approx(reference(targets, given, average=average))


def test_exact_match_looks_at_labelled_entries_only() -> None:
    metric = next(metric for metric in Multilabel.available_metrics() if metric.name == "exact_match")
    scores = np.array([[0.9, 0.1], [0.9, 0.9], [0.9, 0.9], [0.1, 0.1]])
    targets = np.array([[1, 0], [1, 0], [1, 0], [1, 1]])
    mask = np.array([[True, True], [True, False], [True, True], [False, False]])
    assert metric.compute(scores, targets, mask) == pytest.approx(2 / 3)


@pytest.mark.parametrize("cells", [[["a,b", "c"], ["c"]] * 2, ['["a,b", "c"]', '["c"]'] * 2])
def test_a_tag_that_would_be_two_in_a_prediction_is_refused(cells: list) -> None:
    frame = pl.DataFrame({"y": cells})
    with pytest.raises(DataError, match="the tag 'a,b' of 'y' has the separator ',' within it"):
        Multilabel("y", separator=",").fit(frame)
    task = Multilabel("y", separator="|")
    task.fit(frame)
    assert task.predict(torch.ones(1, 2))["y"] == ["a,b|c"]


@pytest.mark.parametrize("options", [{"min_count": 5}, {"max_labels": 1}])
def test_what_chooses_among_tags_is_refused_beside_columns(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match="min_count and max_labels choose among tags"):
        Multilabel("m", ["a", "b"], **options)
    assert Multilabel("m", separator=",", **options)
