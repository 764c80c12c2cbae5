from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from cotrain._base import DataError
from cotrain.tasks.dense._fields import read_field
from cotrain.tasks.dense._masks import classes_at, mask_bytes, mask_size, read_mask, resized_mask


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 64)])
def test_what_was_written_is_read_again(shape):
    mask = np.random.default_rng(0).integers(0, 256, shape)
    found = read_mask(mask_bytes(mask))
    assert found.dtype == np.int64
    assert np.array_equal(found, mask)


@pytest.mark.parametrize(("height", "width"), [(2, 3), (5, 7), (11, 4), (1, 1)])
def test_each_pixel_takes_the_class_of_the_nearest_one(height, width):
    mask = np.random.default_rng(1).integers(0, 9, (5, 7))
    found = resized_mask(mask, height, width)
    for row in range(height):
        for column in range(width):
            y, x = (row + 0.5) * 5 / height - 0.5, (column + 0.5) * 7 / width - 0.5
            away = np.abs(np.arange(5) - y)[:, None] + np.abs(np.arange(7) - x)[None]
            assert found[row, column] in mask[np.isclose(away, away.min())]


def test_lists_and_booleans_are_masks():
    assert read_mask([[0, 1]]).tolist() == [[0, 1]]
    assert read_mask(np.array([[True, False]])).tolist() == [[1, 0]]


@pytest.mark.parametrize(("height", "width"), [(4, 6), (9, 6), (16, 24), (3, 50), (1, 1)])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_classes_at_a_size_are_those_of_all_maps_brought_to_it_at_once(height, width, n_classes):
    logits = torch.randn(n_classes, 4, 6, generator=torch.Generator().manual_seed(0))
    whole = functional.interpolate(
        logits[None], size=(height, width), mode="bilinear", align_corners=False
    ).argmax(dim=1)[0]
    found = classes_at(logits, height, width)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), whole)


def saved(mask: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF"])
def test_formats_that_keep_values_are_masks(form):
    mask = np.random.default_rng(0).integers(0, 7, (9, 8))
    assert np.array_equal(read_mask(saved(mask, form)), mask)


def test_a_format_that_changes_values_is_no_mask():
    mask = np.random.default_rng(0).integers(0, 7, (16, 16)) * 20
    with pytest.raises(DataError, match="is a JPEG, whose compression changes"):
        read_mask(saved(mask, "JPEG"))
    with pytest.raises(DataError, match="is a GIF, whose writers number the colours anew"):
        read_mask(saved(np.array([[0, 1, 255], [0, 1, 1]]), "GIF"))


def test_lists_of_different_lengths_are_refused_in_a_sentence():
    assert mask_size([[0, 1, 2]]) == (1, 3)
    for read in (read_mask, mask_size, lambda cell: read_field(cell, 1)):
        with pytest.raises(DataError, match="are of different lengths, expected lists .height, width."):
            read([[0, 1], [1]])
