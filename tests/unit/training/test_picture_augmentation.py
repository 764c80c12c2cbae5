"""Pictures, masks and boxes that are moved together stay together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.tasks.dense._moves import move_masks
from cotrain.training._picture_augmentation import PictureAugmentation, PictureChanges, move_pictures

SIDE = 32


def filled(boxes: list[tuple[int, int, int, int]]) -> torch.Tensor:
    """A mask of boxes (x, y, width, height) in pixels, each of a class of its own from 1 on."""
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
    for number, (x, y, w, h) in enumerate(boxes, 1):
        mask[0, y : y + h, x : x + w] = number
    return mask


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


def test_turned_pixels_are_turned_and_not_sheared_where_sides_differ():
    """A turn of a quarter brings the long side upright: corners of a centred square stay corners of one."""
    height, width = 24, 48
    augmentation = PictureAugmentation(scale=0, shift=0, rotate=90)
    moves = augmentation.draw(6, torch.Generator().manual_seed(1), aspect=width / height)
    place = torch.tensor([[8.0, 0.0], [0.0, 8.0]]) / torch.tensor([width / 2, height / 2])
    pixels = (moves[:, :, :2] @ place.T).mT * torch.tensor([width / 2, height / 2])
    assert torch.allclose(pixels.norm(dim=-1), torch.full((6, 2), 8.0), atol=1e-4)
    assert torch.allclose((pixels[:, 0] * pixels[:, 1]).sum(-1), torch.zeros(6), atol=1e-3)


class Shift(ct.tasks.Binary):
    """A task whose labels are the moves themselves."""

    def moved(self, target, mask, moves):
        return moves[:, 0, 2:], mask


def batch_of(pictures: torch.Tensor) -> dict:
    mask = torch.ones(len(pictures), 1, dtype=torch.bool)
    return {
        "inputs": {"picture:file": pictures, "numbers": torch.zeros(len(pictures), 2)},
        "targets": {"a": torch.zeros(len(pictures), 1), "b": torch.zeros(len(pictures), 1)},
        "masks": {"a": mask, "b": mask},
    }


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
def test_a_batch_is_changed_as_a_whole_and_the_given_one_stays(dtype: torch.dtype):
    pictures = (255 * torch.rand(4, 3, 6, 8)).to(dtype)
    batch = batch_of(pictures)
    changes = PictureChanges(PictureAugmentation(), ["picture:file"], [Shift("a")])
    changed = changes(batch, torch.Generator().manual_seed(0))
    again = changes(batch, torch.Generator().manual_seed(0))
    moves = PictureAugmentation().draw(4, torch.Generator().manual_seed(0), aspect=8 / 6)
    assert torch.equal(changed["targets"]["a"], moves[:, 0, 2:])
    assert changed["targets"]["b"] is batch["targets"]["b"]
    assert changed["inputs"]["numbers"] is batch["inputs"]["numbers"]
    assert torch.equal(changed["inputs"]["picture:file"], again["inputs"]["picture:file"])
    assert not torch.equal(changed["inputs"]["picture:file"], pictures.float())
    assert batch["inputs"]["picture:file"] is pictures


def test_a_task_that_is_not_in_the_batch_is_left_aside():
    batch = batch_of(torch.rand(2, 1, 4, 4))
    changes = PictureChanges(PictureAugmentation(), ["picture:file"], [Shift("c")])
    assert set(changes(batch, torch.Generator())["targets"]) == {"a", "b"}


class OfPicture(Shift):
    """The same of a task that names its picture."""

    position_column = "side"


def test_each_picture_moves_by_draws_of_its_own_with_the_tasks_that_name_it():
    pictures = torch.rand(4, 3, 6, 8)
    batch = batch_of(pictures)
    batch["inputs"]["picture:side"] = torch.rand(4, 1, 5, 5)
    keys = ["picture:file", "picture:side"]
    changes = PictureChanges(PictureAugmentation(), keys, [Shift("a"), OfPicture("b")])
    changed = changes(batch, torch.Generator().manual_seed(0))
    generator, augmentation = torch.Generator().manual_seed(0), PictureAugmentation()
    for key, task, aspect in (("picture:file", "a", 8 / 6), ("picture:side", "b", 1.0)):
        moves = augmentation.draw(4, generator, aspect=aspect)
        expected = augmentation.recolour(move_pictures(batch["inputs"][key], moves), generator)
        assert torch.equal(changed["inputs"][key], expected)
        assert torch.equal(changed["targets"][task], moves[:, 0, 2:])
    assert not torch.equal(changed["targets"]["a"], changed["targets"]["b"])
