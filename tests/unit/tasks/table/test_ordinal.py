from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Ordinal


def fitted(values: list, **options) -> Ordinal:
    task = Ordinal("y", **options)
    task.fit(pl.DataFrame({"y": values}, strict=False))
    return task


def test_numbers_have_their_natural_order() -> None:
    task = fitted([10, 2, 9, 10, 2, 9])
    assert task.parts == ["2", "9", "10"]
    assert task.predict(torch.tensor([[5.0, 5.0]]))["y"] == [10]


def test_loss_by_hand() -> None:
    task = fitted([0, 1, 2, 0, 1, 2])
    p, q = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(1.0))
    loss = task.loss(torch.tensor([[0.5, -1.0]]), torch.tensor([[1]]), torch.tensor([[True]]))
    assert float(loss) == pytest.approx(-(math.log(p) + math.log(1 - q)) / 2, rel=1e-6)


def test_probabilities_by_hand_also_when_thresholds_are_out_of_order() -> None:
    task = fitted([0, 1, 2, 0, 1, 2])
    output = torch.logit(torch.tensor([[0.7, 0.2], [0.3, 0.6]]))
    torch.testing.assert_close(
        task.scores(output), torch.tensor([[0.3, 0.5, 0.2], [0.7, 0.0, 0.3]]), rtol=0, atol=1e-6
    )
    assert task.pseudo_label(output)[:, 0].tolist() == [1, 0]
    torch.testing.assert_close(task.confidence(output)[:, 0], torch.tensor([0.5, 0.7]))


def test_the_head_shares_one_direction() -> None:
    task = fitted([0, 1, 2, 3, 0, 1, 2, 3])
    output = task.head(6)(torch.randn(5, 6, generator=torch.Generator().manual_seed(0)))
    gaps = (output[:, :1] - output[:, 1:]).detach()
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps), rtol=0, atol=1e-6)


def test_a_value_that_is_no_level_later_counts_as_missing() -> None:
    task = fitted([0, 1, 2, 0, 1, 2])
    frame = pl.DataFrame({"y": [0.0, 7.0, None]})
    assert task.encode(frame)[1][:, 0].tolist() == [True, False, False]
    assert task.unseen(frame) == {"y=7": 1}


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (["s", "m", "s", "m"], {}, "holds text .*give levels="),
        (["s", "m", "s", "m"], {"levels": ["s", "l"]}, "has 'm', which levels= does not list"),
        ([1, 1, 2], {}, "class 2 has 1 labelled row.*neighbour"),
        ([1, 1], {}, "has only 1"),
    ],
)
def test_labels_that_cannot_be_learned(values: list, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        fitted(values, **options)


@pytest.mark.parametrize("options", [{"levels": ["a"]}, {"levels": [1, 1.0]}, {"columns": ["a", "b"]}])
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match="Ordinal"):
        Ordinal("y", **options)


def test_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 120)
    scores = rng.dirichlet(np.ones(4), 120) + 0.5 * np.eye(4)[targets]
    scores /= scores.sum(axis=1, keepdims=True)
    # The median level, threshold by threshold.
    levels = np.array([next(k for k in range(4) if row[: k + 1].sum() >= 0.5) for row in scores])
    expected = {
        "quadratic_kappa": sk.cohen_kappa_score(targets, levels, weights="quadratic"),
        "mae": sk.mean_absolute_error(targets, levels),
        "accuracy": sk.accuracy_score(targets, levels),
        "within_one": np.mean(abs(targets - levels) <= 1),
        "balanced_accuracy": sk.balanced_accuracy_score(targets, levels),
        "log_loss": sk.log_loss(targets, scores),
    }
    mask = np.ones((120, 1), bool)
    found = {
        metric.name: metric.compute(scores, targets[:, None], mask) for metric in Ordinal.available_metrics()
    }
    assert found == pytest.approx(expected)
