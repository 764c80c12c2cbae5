from __future__ import annotations

import math

import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Multiclass

COLOURS = ["red", "blue", "red", "green", None, "blue", "green", "red"]


def fitted(values: list, **options) -> Multiclass:
    task = Multiclass("y", **options)
    task.fit(pl.DataFrame({"y": values}, strict=False))
    return task


def test_classes_in_natural_order() -> None:
    assert fitted(COLOURS).parts == ["blue", "green", "red"]
    assert fitted([10, 9, 2, 10, 9, 2]).parts == ["2", "9", "10"]


def test_classes_in_the_given_order() -> None:
    task = fitted(COLOURS, classes=["red", "green", "blue", "white"])
    assert task.parts == ["red", "green", "blue", "white"]
    assert task.n_outputs == 4
    with pytest.raises(DataError, match="has 'blue', which classes= does not list"):
        fitted(COLOURS, classes=["red", "green"])


def test_loss_by_hand() -> None:
    task = fitted(COLOURS, label_smoothing=0.3, class_weight="balanced")
    z = [0.5, -1.0, 2.0]
    total = sum(math.exp(value) for value in z)
    log_p = [value - math.log(total) for value in z]
    weight = 7 / (3 * 3)
    expected = -weight * (0.7 * log_p[2] + 0.1 * sum(log_p))
    loss = task.loss(torch.tensor([z]), torch.tensor([[2]]), torch.tensor([[True]]))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_plain_loss_is_cross_entropy() -> None:
    task = fitted(COLOURS)
    output = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 2, 1, 0, 0])
    expected = torch.nn.functional.cross_entropy(output, targets)
    torch.testing.assert_close(task.loss(output, targets[:, None], torch.ones(7, 1)), expected)


def test_reference_is_the_class_shares() -> None:
    task = fitted(COLOURS)
    targets, mask = task.encode(pl.DataFrame({"y": COLOURS}))
    shares = task.scores(task.reference_output(targets, mask)[None])[0]
    torch.testing.assert_close(shares, torch.tensor([2 / 7, 2 / 7, 3 / 7]))


def test_an_unseen_class_counts_as_wrong_and_sends_no_gradient() -> None:
    task = fitted(COLOURS)
    frame = pl.DataFrame({"y": ["red", "white", "white"]})
    targets, mask = task.encode(frame)
    assert targets[:, 0].tolist() == [2, 3, 3]
    assert mask.all()
    assert task.unseen(frame) == {"y=white": 2}
    output = torch.tensor([[0.0, 0.0, 5.0]] * 3, requires_grad=True)
    losses = task.losses(output, targets)[:, 0]
    least = -torch.log_softmax(output[0].detach(), 0).min()
    assert float(losses[1].detach()) == pytest.approx(float(least))
    losses[1:].sum().backward()
    assert output.grad is not None
    assert (output.grad == 0).all()
    accuracy = next(metric for metric in task.available_metrics() if metric.name == "accuracy")
    scores = task.scores(output.detach()).double().numpy()
    assert accuracy.compute(scores, targets.numpy(), mask.numpy()) == pytest.approx(1 / 3)


def test_rare_classes() -> None:
    values = [*COLOURS, "pink", "grey"]
    with pytest.raises(DataError, match=r"classes 'grey' \(1\), 'pink' \(1\) of 'y' have fewer than 2"):
        fitted(values)
    merged = fitted(values, rare="merge")
    assert merged.parts == ["blue", "green", "red", "(other)"]
    frame = pl.DataFrame({"y": ["pink", "grey", "red", None, "white"]})
    targets, mask = merged.encode(frame)
    assert targets[:, 0].tolist() == [3, 3, 2, 0, 4]
    assert mask[:, 0].tolist() == [True, True, True, False, True]
    assert merged.unseen(frame) == {"y=white": 1}
    dropped = fitted(values, rare="drop")
    targets, mask = dropped.encode(frame)
    assert mask[:, 0].tolist() == [False, False, True, False, True]
    assert dropped.unseen(frame) == {"y=white": 1}


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (["a", "a"], {}, "needs two or more classes, but 'y' has 1: 'a'"),
        (["a", "a", "b"], {"rare": "drop"}, "needs two or more classes"),
        ([[1], [2]], {}, r"holds List\(Int64\)"),
    ],
)
def test_labels_that_cannot_be_learned(values: list, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        fitted(values, **options)


@pytest.mark.parametrize(
    "options", [{"columns": ["a", "b"]}, {"rare": "no"}, {"min_count": 1}, {"classes": ["a", "a"]}]
)
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Multiclass\('y'"):
        Multiclass("y", **options)


def test_prediction_columns() -> None:
    columns = fitted(COLOURS).predict(torch.tensor([[0.0, 0.0, 3.0]]))
    assert list(columns) == ["y", "y_probability[blue]", "y_probability[green]", "y_probability[red]"]
    assert columns["y"] == ["red"]
