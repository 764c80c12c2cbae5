"""Masks and boxes that are moved as their picture is stay together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.tasks.dense._moves import move_boxes, move_masks, move_points
from cotrain.training import PictureAugmentation

SIDE = 32


def filled(boxes: list[tuple[int, int, int, int]]) -> torch.Tensor:
    """A mask of boxes (x, y, width, height) in pixels, each of a class of its own from 1 on."""
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
    for number, (x, y, w, h) in enumerate(boxes, 1):
        mask[0, y : y + h, x : x + w] = number
    return mask


def box_of(mask: torch.Tensor, number: int) -> list[int] | None:
    rows, columns = torch.nonzero(mask[0] == number, as_tuple=True)
    if not len(rows):
        return None
    low_x, low_y = int(columns.min()), int(rows.min())
    return [low_x, low_y, int(columns.max()) + 1 - low_x, int(rows.max()) + 1 - low_y]


@settings(deadline=None, max_examples=60)
@given(
    x=st.integers(0, 20),
    y=st.integers(0, 20),
    w=st.integers(4, 12),
    h=st.integers(4, 12),
    seed=st.integers(0, 10**6),
    vertical=st.booleans(),
)
def test_the_box_of_a_moved_mask_is_the_moved_box(x, y, w, h, seed, vertical):
    augmentation = PictureAugmentation(flip_vertical=vertical, scale=0.5, shift=0.3)
    moves = augmentation.draw(1, torch.Generator().manual_seed(seed))
    mask = filled([(x, y, w, h)])
    boxes = torch.tensor([[[x, y, w, h]]]) / SIDE
    moved, labelled = move_masks(mask, torch.ones_like(mask, dtype=torch.bool), moves)
    found, classes = move_boxes(boxes, torch.zeros(1, 1, dtype=torch.int64), moves)
    seen = box_of(moved, 1)
    if int(classes[0, 0]) < 0:
        scale = 1 / float(moves[0, :, :2].det().abs())
        assert int((moved == 1).sum()) <= 0.25 * w * h * scale + 2 * (w + h) * scale
        return
    assert seen is not None
    assert (found[0, 0] * SIDE).tolist() == pytest.approx(seen, abs=1.01)
    assert bool(labelled[moved == 1].all())


def test_what_comes_in_from_outside_is_no_label():
    moves = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    mask = filled([(0, 0, SIDE, SIDE)])
    moved, labelled = move_masks(mask, torch.ones_like(mask, dtype=torch.bool), moves)
    assert float(labelled.float().mean()) == 0.75
    assert bool((moved[labelled] == 1).all())
    unknown = torch.zeros_like(mask, dtype=torch.bool)
    assert not bool(move_masks(mask, unknown, moves)[1].any())


def test_a_box_that_leaves_is_no_longer_there_and_none_stays_none():
    moves = torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    boxes = torch.tensor([[[0.0, 0.0, 0.4, 0.4], [0.7, 0.1, 0.2, 0.2], [0.0, 0.0, 0.0, 0.0]]])
    found, classes = move_boxes(boxes, torch.tensor([[4, 5, -1]]), moves)
    assert classes.tolist() == [[-1, 5, -1]]
    assert found[0, 1].tolist() == pytest.approx([0.2, 0.1, 0.2, 0.2])
    nothing, none = move_boxes(torch.zeros(1, 0, 4), torch.zeros(1, 0, dtype=torch.int64), moves)
    assert nothing.shape == (1, 0, 4)
    assert none.shape == (1, 0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_types_are_kept_and_weights_move_as_they_are(dtype: torch.dtype):
    moves = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    classes = torch.arange(12, dtype=dtype).reshape(1, 3, 4) * 20
    weights = torch.linspace(0, 1, 12).reshape(1, 3, 4)
    moved, left = move_masks(classes, weights, moves)
    assert moved.dtype == dtype
    assert torch.equal(moved, classes.flip(-1))
    assert torch.allclose(left, weights.flip(-1))


@pytest.mark.parametrize("flip", [False, True])
def test_points_move_as_the_corners_of_boxes_do(flip: bool):
    augmentation = PictureAugmentation(flip=flip, scale=0.3, shift=0.2, rotate=40)
    moves = augmentation.draw(16, torch.Generator().manual_seed(0))
    points = torch.rand(16, 5, 2, generator=torch.Generator().manual_seed(1))
    small = torch.cat([points, torch.full_like(points, 1e-4)], dim=-1)
    boxes, classes = move_boxes(small, torch.zeros(16, 5, dtype=torch.int64), moves, least=0.99)
    found, there = move_points(points, moves)
    both = there & (classes >= 0)
    assert float(both.float().mean()) > 0.5
    assert torch.allclose(found[both], boxes[both][:, :2], atol=3e-4)
    assert bool(((found >= 0) & (found <= 1)).all())
    assert int((there != (classes >= 0)).sum()) <= 1
