"""Pictures, masks and boxes that are moved together stay together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.training._picture_augmentation import (
    PictureAugmentation,
    move_boxes,
    move_masks,
    move_pictures,
)

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


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_pictures_move_as_their_masks_do(seed):
    augmentation = PictureAugmentation(scale=0.4, shift=0.2, rotate=30)
    moves = augmentation.draw(1, torch.Generator().manual_seed(seed))
    mask = filled([(6, 9, 12, 8)])
    picture = move_pictures(mask[:, None].float(), moves)[:, 0]
    moved, _ = move_masks(mask, torch.ones_like(mask, dtype=torch.bool), moves)
    assert float(((picture > 0.5) != (moved == 1)).float().mean()) < 0.01


@pytest.mark.parametrize("pixels", [0, 3, 7])
@pytest.mark.parametrize("mirrored", [False, True])
def test_whole_pixels_are_moved_to_the_pixel(pixels: int, mirrored: bool):
    sign = -1.0 if mirrored else 1.0
    moves = torch.tensor([[[sign, 0.0, 2 * pixels / SIDE], [0.0, 1.0, 0.0]]])
    pictures = torch.rand(1, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    expected = pictures.flip(-1).roll(pixels, -1) if mirrored else pictures.roll(-pixels, -1)
    inner = slice(8, SIDE - 8)
    assert torch.allclose(move_pictures(pictures, moves)[..., inner], expected[..., inner], atol=1e-6)


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


def test_nothing_asked_for_changes_nothing():
    still = PictureAugmentation(flip=False, scale=0, shift=0, brightness=0, contrast=0)
    pictures = torch.rand(3, 3, 8, 9)
    assert torch.allclose(move_pictures(pictures, still.draw(3)), pictures, atol=1e-6)
    assert torch.allclose(still.recolour(pictures), pictures, atol=1e-6)


def test_the_same_stream_gives_the_same_moves_and_rows_differ():
    augmentation = PictureAugmentation()
    one, two = (augmentation.draw(8, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert len({tuple(move.flatten().tolist()) for move in one}) == 8


def test_colours_stay_in_the_range_of_the_picture():
    pictures = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = PictureAugmentation(brightness=0.5, contrast=0.5).recolour(pictures)
    assert not torch.allclose(changed, pictures)
    assert bool((changed >= pictures.amin(dim=(1, 2, 3), keepdim=True)).all())
    assert bool((changed <= pictures.amax(dim=(1, 2, 3), keepdim=True)).all())


@pytest.mark.parametrize("options", [{"scale": 1.0}, {"shift": -0.1}, {"rotate": 200.0}, {"contrast": 1.0}])
def test_values_out_of_range_are_refused(options):
    with pytest.raises(InvalidArgumentError, match="expected a number in"):
        PictureAugmentation(**options)
