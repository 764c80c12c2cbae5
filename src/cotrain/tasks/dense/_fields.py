"""Numbers of every pixel, such as depths and normals: from the cells of a table to arrays, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotrain._base import DataError
from cotrain._base._pictures import open_picture

#: How the bytes of a NumPy file begin, and how its name ends.
NPY_START, NPY_ENDING = b"\x93NUMPY", ".npy"
#: Kinds of picture that hold one number a pixel.
_ONE_NUMBER = ("L", "I;16", "I;16B", "I;16L", "I", "F")


def read_field(value: object, n_channels: int) -> np.ndarray:
    """Return the numbers of a field, float64 [n_channels, H, W].

    Args:
        value: path or bytes of a NumPy file or of a picture, a mapping of `bytes` or `path`, an array or
            lists. An array is [H, W] for one number a pixel, and [H, W, 3] for three, or [3, H, W] where its
            last axis has not 3. A picture of one number holds it as it is (8, 16 or 32 bits); one of three is
            red, green and blue, 0 to 255 for −1 to 1, as normals are saved; black is 0, 0, 0.
        n_channels: numbers of a pixel, 1 or 3.

    Raises:
        DataError: it cannot be read, or has another shape.

    Example:
        >>> read_field(np.array([[0.5, 2.0]]), 1).tolist()
        [[[0.5, 2.0]]]
    """
    name, array = _array(value, n_channels)
    if n_channels == 1 and array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[:, :, 0]
    if n_channels == 1 and array.ndim == 2:
        array = array[None]
    elif n_channels == 3 and array.ndim == 3 and array.shape[2] == 3:
        array = array.transpose(2, 0, 1)
    if array.ndim != 3 or len(array) != n_channels or 0 in array.shape or array.dtype.kind not in "iufb":
        expected = "[height, width]" if n_channels == 1 else "[height, width, 3]"
        raise DataError(f"{name} has the shape {array.shape} and type {array.dtype}, expected {expected}.")
    return array.astype(np.float64)


def array_of_lists(value: list[Any]) -> np.ndarray:
    """Return lists in lists as an array.

    Raises:
        DataError: they are of different lengths.

    Example:
        >>> array_of_lists([[0, 3]]).shape
        (1, 2)
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"The rows of {str(value)[:40]} are of different lengths, expected lists [height, width]."
        ) from error


def _array(value: object, n_channels: int) -> tuple[str, np.ndarray]:
    """Return what a cell is called in errors, and what it holds."""
    if isinstance(value, np.ndarray | list):
        return "A field", array_of_lists(value) if isinstance(value, list) else value
    of = value.get("bytes") or value.get("path") if isinstance(value, Mapping) else value
    if not isinstance(of, str | Path | bytes):
        raise DataError(f"A field must be a path, bytes or an array, got {type(value).__name__}.")
    saved = of.startswith(NPY_START) if isinstance(of, bytes) else str(of).lower().endswith(NPY_ENDING)
    if saved:
        name = f"The field {str(of)!r}" if not isinstance(of, bytes) else f"A field of {len(of)} bytes"
        try:
            return name, np.load(io.BytesIO(of) if isinstance(of, bytes) else of, allow_pickle=False)
        except FileNotFoundError as error:
            raise DataError(f"{name} is no file: check the path, or empty the cell.") from error
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{name} is no NumPy file that can be read ({error}).") from error
    with open_picture(of) as (name, image):
        modes = _ONE_NUMBER if n_channels == 1 else ("RGB",)
        if image.mode not in modes:
            held = "one number a pixel" if n_channels == 1 else "red, green and blue"
            raise DataError(f"{name} holds {image.mode}, expected {held}: save it so, or as a .npy file.")
        array = np.asarray(image)
    if n_channels == 1:
        return name, array
    # Black is what is drawn where no direction is known: it would be (-1, -1, -1), which none is.
    return name, np.where(array.any(axis=2, keepdims=True), array.astype(np.float64) / 127.5 - 1, 0.0)


def nearest_field(field: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a field [C, H, W] of another size: each pixel takes the numbers of the nearest one.

    Example:
        >>> nearest_field(np.array([[[1.0, 2.0]]]), 2, 4).tolist()
        [[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]
    """
    rows, columns = nearest_places(field.shape[1:], height, width)
    return field[:, rows[:, None], columns]


def nearest_places(shape: tuple[int, ...], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of H×W pixels that are nearest to those of another size."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)
        for old, new in zip(shape, (height, width), strict=True)
    )
    return rows, columns


def field_bytes(field: np.ndarray) -> bytes:
    """Return numbers as the bytes of a NumPy file, float32: [H, W] of [1, H, W], else [H, W, C].

    Example:
        >>> read_field(field_bytes(np.array([[[0.5, 2.0]]])), 1).tolist()
        [[[0.5, 2.0]]]
    """
    buffer = io.BytesIO()
    array = field[0] if len(field) == 1 else field.transpose(1, 2, 0)
    np.save(buffer, np.ascontiguousarray(array, dtype=np.float32), allow_pickle=False)
    return buffer.getvalue()
