from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Binary


def fitted(values: list, **options) -> Binary:
    task = Binary("y", **options)
    task.fit(pl.DataFrame({"y": values}, strict=False))
    return task


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pl.Series(["no", "yes", None, "", " yes", "no"]), ["no", "yes"]),
        (pl.Series([0, 1, None, 1, 0]), [0, 1]),
        (pl.Series([0.0, 1.0, None, float("nan"), 1.0, 0.0]), [0, 1]),
        (pl.Series([True, False, None, True, False]), [False, True]),
        (pl.Series([-1, 1, -1, 1]), [-1, 1]),
        (pl.Series(["<=50K", ">50K", "<=50K", ">50K"]), ["<=50K", ">50K"]),
        (pl.Series(["a", "b", "a", "b"], dtype=pl.Categorical), ["a", "b"]),
        (pl.Series(["b", "a", "a", "b"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
    ],
)
def test_values_of_any_dtype(series: pl.Series, expected: list) -> None:
    task = Binary("y")
    frame = pl.DataFrame({"y": series})
    task.fit(frame)
    assert task.classes == expected
    assert [type(value) for value in task.classes] == [type(value) for value in expected]
    targets, mask = task.encode(frame)
    for value, target, labelled in zip(series.to_list(), targets[:, 0], mask[:, 0], strict=True):
        gone = value is None or value == "" or value != value
        assert bool(labelled) is not gone
        if not gone:
            assert target == (str(value).strip() == str(expected[1]) or value == expected[1])


def test_integers_are_known_again_as_floats() -> None:
    task = fitted([0, 1, 0, 1])
    targets, _ = task.encode(pl.DataFrame({"y": [1.0, 0.0]}))
    assert targets[:, 0].tolist() == [1, 0]


def test_positive_turns_the_coding_round() -> None:
    task = fitted(["good", "bad", "good", "bad"], positive="bad")
    assert task.classes == ["good", "bad"]
    prediction = task.predict(torch.tensor([[3.0]]))
    assert prediction["y"] == ["bad"]
    assert prediction["y_probability"][0] == pytest.approx(1 / (1 + math.exp(-3)))


def test_loss_by_hand() -> None:
    task = fitted([1, 1, 1, 0, 0, 1], label_smoothing=0.2, class_weight="balanced")
    z, y = 0.7, 1.0
    smooth = 0.9
    p = 1 / (1 + math.exp(-z))
    expected = -(6 / (2 * 4)) * (smooth * math.log(p) + (1 - smooth) * math.log(1 - p))
    loss = task.loss(torch.tensor([[z]]), torch.tensor([[y]]), torch.tensor([[True]]))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_reference_is_the_logit_of_the_share() -> None:
    task = fitted([1, 1, 1, 0, None, 0, 1, 1])
    targets, mask = task.encode(pl.DataFrame({"y": [1, 1, 1, 0, None]}))
    assert float(task.reference_output(targets, mask)) == pytest.approx(math.log(3), rel=1e-6)
    share = 3 / 4
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    assert task.reference_loss(targets, mask) == pytest.approx(entropy, rel=1e-6)


def test_a_third_value_later_counts_as_missing() -> None:
    task = fitted([0, 1, 0, 1])
    frame = pl.DataFrame({"y": [0, 2, 1, 2, None]})
    _, mask = task.encode(frame)
    assert mask[:, 0].tolist() == [True, False, True, False, False]
    assert task.unseen(frame) == {"y=2": 2}


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        ([1, 1, None], {}, "needs two values, but 'y' has 1: 1. Leave the task out"),
        (["a", "b", "c"], {}, "needs two values, but 'y' has 3: 'a', 'b', 'c'. Use Multiclass"),
        ([0, 0, 1], {}, "class 1 has 1 labelled row, at least 2 are needed"),
        ([0, 0, 1, 1], {"positive": "yes"}, "positive='yes' is not a value of 'y', which has 0, 1"),
        ([None, None], {}, "missing in all 2 rows"),
    ],
)
def test_labels_that_cannot_be_learned(values: list, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        fitted(values, **options)


@pytest.mark.parametrize(
    "options", [{"columns": ["a", "b"]}, {"label_smoothing": 0.6}, {"class_weight": "even"}]
)
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Binary\('y'"):
        Binary("y", **options)


def test_confidence_is_the_larger_probability() -> None:
    task = fitted([0, 1, 0, 1])
    confidence = task.confidence(torch.tensor([[-2.0], [0.0], [2.0]]))[:, 0]
    np.testing.assert_allclose(confidence, [0.8808, 0.5, 0.8808], atol=1e-4)
