"""Masks of class numbers: from the cells of a table to arrays, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cotrain._base import DataError
from cotrain._base._pictures import open_picture, picture_size
from cotrain.tasks.dense._fields import array_of_lists, nearest_places

#: Kinds of picture whose values are numbers of classes: grey, black and white, indices, deep grey.
_MODES = ("L", "P", "1", "I;16", "I;16B", "I;16L", "I")

#: Class numbers for each one that occurs, beyond which they are taken for grey values.
CLASSES_PER_NUMBER = 8

#: Formats that keep values only nearly.
_LOSSY = ("JPEG", "MPO", "JPEG2000")


def read_mask(value: object) -> np.ndarray:
    """Return the class numbers of a mask, int64 [H, W].

    Args:
        value: path, bytes or mapping of a picture whose values are class numbers (of a palette its
            indices, not its colours), or an array [H, W] of whole numbers.

    Raises:
        DataError: it cannot be read, holds colours, or is of a format that changes values.

    Example:
        >>> read_mask(np.array([[0, 3]], np.uint8)).tolist()
        [[0, 3]]
    """
    if isinstance(value, list):
        value = array_of_lists(value)
    if isinstance(value, np.ndarray):
        if value.ndim != 2 or value.dtype.kind not in "iub" or 0 in value.shape:
            raise DataError(
                f"A mask as an array has the shape {value.shape} and type {value.dtype}, expected whole "
                "numbers [height, width]."
            )
        return value.astype(np.int64)
    if not isinstance(value, str | Path | bytes | Mapping):
        raise DataError(f"A mask must be a path, bytes or an array, got {type(value).__name__}.")
    with open_picture(value) as (name, image):
        if image.mode not in _MODES:
            raise DataError(
                f"{name} holds colours ({image.mode}), expected class numbers: save the mask in grey, a "
                "value a class, or with a palette."
            )
        if image.format in _LOSSY:
            raise DataError(
                f"{name} is a {image.format}, whose compression changes numbers of classes into their "
                "neighbours: save the mask as PNG, from what it was before."
            )
        mask = np.asarray(image).astype(np.int64)
        if image.format == "GIF" and image.mode == "P" and not _is_plain(image.getpalette() or [], mask):
            raise DataError(
                f"{name} is a GIF, whose writers number the colours anew, 0, 1 and 255 as 0, 1 and 2: save "
                "the mask as PNG, from what it was before."
            )
        return mask


def _is_plain(palette: Sequence[int], mask: np.ndarray) -> bool:
    """Return whether the colour of each number is the grey of that number, so that it cannot be another's."""
    return all(list(palette[3 * number : 3 * number + 3]) == [number] * 3 for number in np.unique(mask))


def gaps_in_numbers(found: Sequence[int]) -> str:
    """Return what is wrong with class numbers of which hardly any occurs, as in masks of grey values.

    Up to an eighth of the numbers is enough: a small part of a set of 21 classes lacks most of them.

    Args:
        found: ascending numbers of the labelled pixels.

    Example:
        >>> gaps_in_numbers([0, 128])
        'the numbers 0 and 128 alone, which would be 129 classes: save them as 0 and 1, or name all ...'
        >>> gaps_in_numbers([0, 3, 15])
        ''
    """
    n_classes = max(found, default=0) + 1
    if len(found) < 2 or n_classes <= CLASSES_PER_NUMBER * len(found):
        return ""
    numbers, dense = (
        f"{', '.join(map(str, some[:-1]))} and {some[-1]}" for some in (found, range(len(found)))
    )
    return (
        f"the numbers {numbers} alone, which would be {n_classes} classes: save them as {dense}, or name all "
        "with classes= if the numbers between are classes that these masks lack"
    )


def mask_size(value: object) -> tuple[int, int]:
    """Return height and width of what `read_mask` reads, without decoding the pixels of a file.

    Example:
        >>> mask_size(np.array([[0, 3]]))
        (1, 2)
    """
    if isinstance(value, list | np.ndarray):
        height, width = read_mask(value).shape
        return int(height), int(width)
    return picture_size(value)


def resized_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a mask of another size: each pixel takes the class of the nearest one.

    Example:
        >>> resized_mask(np.array([[1, 2]]), 2, 4).tolist()
        [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    rows, columns = nearest_places(mask.shape, height, width)
    return mask[rows[:, None], columns]


def classes_at(logits: Tensor, height: int, width: int) -> Tensor:
    """Return the most probable class of every pixel of a picture, uint8 [height, width].

    The map of each class is brought to the picture's size (bilinear) by itself: that of a photograph with all
    classes at once would fill the memory.

    Args:
        logits: [C, h, w].
        height: of the picture, in pixels.
        width: of the picture, in pixels.

    Example:
        >>> classes_at(torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]]), 1, 4).tolist()
        [[0, 0, 1, 1]]
    """
    if logits.shape[1:] == (height, width):
        return logits.max(dim=0).indices.to(torch.uint8)
    best = logits.new_full((height, width), -torch.inf)
    classes = torch.zeros(height, width, dtype=torch.uint8)
    for number, of_class in enumerate(logits):
        sized = sized_map(of_class[None, None], (height, width))[0, 0]
        classes[sized > best] = number
        best = torch.maximum(best, sized)
    return classes


def sized_map(output: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a map [B, C, h, w] at another height and width, bilinear.

    Example:
        >>> sized_map(torch.tensor([[[[0.0, 4.0]]]]), (1, 4)).flatten().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    if output.shape[2:] == tuple(shape):
        return output
    return functional.interpolate(output, size=tuple(shape), mode="bilinear", align_corners=False)


def mask_bytes(mask: np.ndarray) -> bytes:
    """Return class numbers [H, W] below 256 as the bytes of a grey PNG.

    Example:
        >>> read_mask(mask_bytes(np.array([[0, 200]]))).tolist()
        [[0, 200]]
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
