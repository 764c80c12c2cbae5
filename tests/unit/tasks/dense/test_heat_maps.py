"""Places as means of maps, against loops over the cells."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.tasks.dense._heat_maps import log_normal_maps, map_certainty, mean_places, place_losses


def literal_loss(logits: torch.Tensor, place: tuple[float, float]) -> float:
    """The loss of one map [H, W], cell by cell."""
    height, width = logits.shape
    cells = [(row, column) for row in range(height) for column in range(width)]
    total = sum(math.exp(float(logits[cell])) for cell in cells)
    p = {cell: math.exp(float(logits[cell])) / total for cell in cells}
    normal = {
        (row, column): math.exp(
            -0.5 * ((column + 0.5 - place[0] * width) ** 2 + (row + 0.5 - place[1] * height) ** 2)
        )
        for row, column in cells
    }
    q = {cell: value / sum(normal.values()) for cell, value in normal.items()}
    x = sum(p[cell] * (cell[1] + 0.5) / width for cell in cells)
    y = sum(p[cell] * (cell[0] + 0.5) / height for cell in cells)
    away = math.hypot(2 * (x - place[0]), 2 * (y - place[1]))
    divergence = 0.0
    for cell in cells:
        m = (p[cell] + q[cell]) / 2
        divergence += (p[cell] * math.log(p[cell] / m) + q[cell] * math.log(q[cell] / m)) / 2
    return away + divergence


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_the_loss_is_that_of_the_paper(seed: int, height: int, width: int, x: float, y: float):
    logits = torch.randn(height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = place_losses(logits[None, None], torch.tensor([[[x, y]]], dtype=torch.float64))
    assert float(found) == pytest.approx(literal_loss(logits, (x, y)), rel=1e-6, abs=1e-9)


def test_a_map_around_the_true_place_costs_nearly_nothing():
    at = torch.tensor([[[0.4, 0.6]]], dtype=torch.float64)
    right = log_normal_maps(at, torch.tensor([1 / 20, 1 / 10], dtype=torch.float64), (10, 20))
    assert float(place_losses(right, at)) < 1e-3
    assert torch.allclose(mean_places(right), at, atol=1e-4)
    assert float(right.exp().sum()) == pytest.approx(1.0)


def test_gradients_are_finite_wherever_the_map_and_the_place_are():
    for scale in (0.0, 1.0, 1e4):
        logits = (scale * torch.randn(2, 3, 5, 4)).requires_grad_()
        place_losses(logits, torch.rand(2, 3, 2)).sum().backward()
        assert logits.grad is not None
        assert bool(logits.grad.isfinite().all())


def test_learning_by_the_loss_alone_finds_a_place_between_cells():
    at = torch.tensor([[[0.33, 0.71]]], dtype=torch.float64)
    logits = torch.zeros(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        place_losses(logits, at).sum().backward()
        optimizer.step()
    assert torch.allclose(mean_places(logits.detach()), at, atol=0.01)


def test_certainty_is_the_share_of_the_surest_nine_cells():
    maps = torch.full((1, 2, 6, 6), -40.0)
    maps[0, 0, 2, 3] = maps[0, 0, 3, 4] = 0.0
    maps[0, 1, 0, 0] = maps[0, 1, 5, 5] = 0.0
    assert map_certainty(maps)[0].tolist() == pytest.approx([1.0, 0.5])
