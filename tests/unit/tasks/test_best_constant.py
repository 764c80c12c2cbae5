"""The constant that figures stand beside."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.tasks import Multiclass, Regression


@pytest.mark.parametrize("first", ["rmse", "mae"])
@pytest.mark.parametrize("criterion", ["mse", "mae", "huber"])
def test_no_constant_has_a_better_figure_of_numbers(first: str, criterion: str) -> None:
    task = Regression("y", criterion=criterion, metrics=[first])
    frame = pl.DataFrame({"y": [1.0, 2.5, None, 3.0, 10.0, 0.5, 4.0, 2.0]})
    task.fit(frame)
    targets, mask = task.encode(frame)

    def figure(output: torch.Tensor) -> float:
        scores = task.constant_scores(output, 8).double().numpy()
        return task.chosen_metrics()[0].compute(scores, task.original(targets).numpy(), mask.numpy())

    best = task.best_constant(targets, mask)
    assert all(figure(best) <= figure(best + shift) + 1e-6 for shift in (-0.5, -0.05, 0.05, 0.5))
    assert torch.equal(task.best_constant(targets, mask.float() * 2), best)


@pytest.mark.parametrize("names", [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_constant_beside_balanced_classes_is_right_as_often_as_the_largest_whatever_it_is_called(
    names: list[str], gamma: float
) -> None:
    frame = pl.DataFrame({"y": [names[0]] * 2 + [names[1]] * 15 + [names[2]] * 3})
    task = Multiclass("y", class_weight="balanced", focal_gamma=gamma)
    task.fit(frame)
    targets, mask = task.encode(frame)
    scores = task.constant_scores(task.best_constant(targets, mask), 20).double().numpy()
    found = {one.name: one.compute(scores, targets.numpy(), mask.numpy()) for one in task.available_metrics()}
    assert found["accuracy"] == 0.75
    shares = np.array([2, 15, 3]) / 20
    assert found["log_loss"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)
