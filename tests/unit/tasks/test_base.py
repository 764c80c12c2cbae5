"""What all kinds of task have in common."""

from __future__ import annotations

import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Binary, Multiclass, Regression

FRAME = pl.DataFrame({"y": [1, 0, 1, None, 0, 1, 0], "x": [1, 2, 3, 4, 5, 6, None]})


def fitted(**options) -> Binary:
    task = Binary("y", **options)
    task.fit(FRAME)
    return task


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_weight_and_preference_are_positive_and_finite(value: float) -> None:
    for name in ("weight", "preference"):
        with pytest.raises(InvalidArgumentError, match=f"{name} must be a positive finite number"):
            Binary("y", **{name: value})


def test_a_metric_that_there_is_not_gets_a_hint() -> None:
    with pytest.raises(InvalidArgumentError, match="has no metric 'aurocc'.*auroc"):
        Binary("y", metrics=["aurocc"])


def test_a_column_that_is_not_there_gets_a_hint() -> None:
    with pytest.raises(DataError, match="target 'yy' is not a column of the table"):
        Binary("yy").fit(FRAME)


def test_where_a_condition_does_not_hold_there_is_no_label() -> None:
    targets, mask = fitted(when="x < 6").encode(FRAME)
    assert mask[:, 0].tolist() == [True, True, True, False, True, False, False]
    assert not targets[~mask].any()


def test_a_condition_that_is_none_or_cannot_be_evaluated_says_so() -> None:
    with pytest.raises(DataError, match="true or false: compare something"):
        fitted(when="x + 1")
    with pytest.raises(DataError, match="cannot evaluate"):
        fitted(when="nowhere > 1")


def test_the_loss_is_the_mean_over_what_is_labelled() -> None:
    task, output = fitted(), torch.randn(4, 1)
    target, mask = torch.tensor([[1.0], [0.0], [1.0], [0.0]]), torch.tensor([[True], [False], [True], [True]])
    expected = task.losses(output, target)[mask].mean()
    torch.testing.assert_close(task.loss(output, target, mask), expected)
    # Weights of pseudo-labels take the place of a mask.
    weights = torch.tensor([[1.0], [0.0], [0.5], [0.0]])
    expected = (task.losses(output, target) * weights).sum() / 1.5
    torch.testing.assert_close(task.loss(output, target, weights), expected)


def test_without_a_label_the_loss_is_zero_and_so_is_its_gradient() -> None:
    task, output = fitted(), torch.randn(4, 1, requires_grad=True)
    for mask in (torch.zeros(4, 1, dtype=torch.bool), torch.zeros(4, 1)):
        loss = task.loss(output, torch.zeros(4, 1), mask)
        (gradient,) = torch.autograd.grad(loss, output)
        assert loss.detach() == 0
        assert not gradient.any()


def test_a_value_of_an_unlabelled_row_cannot_spoil_the_loss() -> None:
    task, output = fitted(), torch.tensor([[1.0], [float("nan")]])
    mask = torch.tensor([[True], [False]])
    assert bool(torch.isfinite(task.loss(output, torch.zeros(2, 1), mask)))


def test_a_head_begins_at_the_best_constant() -> None:
    task = Regression("x")
    task.fit(FRAME)
    targets, mask = task.encode(FRAME)
    head = task.head(4, hidden=(3,))
    task.start_head(head, targets, mask)
    torch.testing.assert_close(head[-1].bias.detach(), task.reference_output(targets, mask))
    assert task.reference_loss(targets, mask) <= float(
        task.loss(torch.full_like(targets, 0.1), targets, mask)
    )


def test_the_scores_of_a_constant_are_one_and_the_same() -> None:
    task = fitted()
    scores = task.constant_scores(torch.tensor([0.3]), 37)
    assert scores.shape == (37, 1)
    assert scores.unique().numel() == 1
    torch.testing.assert_close(scores[:1], task.scores(torch.tensor([[0.3]])))


@pytest.mark.parametrize("kind", [Binary, Multiclass, Regression])
def test_a_reference_loss_taken_in_parts_is_that_of_all_rows(kind, monkeypatch):
    frame = pl.DataFrame({"y": [0, 1, 1, 0, 1, None, 1, 0, 1] * 3})
    task = kind("y")
    task.fit(frame)
    targets, mask = task.encode(frame)
    weights = mask * torch.linspace(0, 2, len(frame))[:, None]
    for labels in (mask, weights, torch.zeros_like(mask)):
        whole = task.reference_loss(targets, labels)
        for room in (1, 7, 16):
            monkeypatch.setattr("cotrain.tasks._base.LOSSES_AT_A_TIME", room)
            assert task.reference_loss(targets, labels) == pytest.approx(whole, rel=1e-6, abs=1e-12)
        monkeypatch.undo()
