"""Numbers of every pixel, from cells and back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from cotrain._base import DataError
from cotrain.tasks.dense._fields import field_bytes, nearest_field, read_field

image_module = pytest.importorskip("PIL.Image")
DRAW = np.random.default_rng(0)


def as_png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    image_module.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 3)])
def test_what_was_written_is_read_again(n_channels: int, shape: tuple[int, int]):
    field = DRAW.normal(size=(n_channels, *shape)).astype(np.float32)
    assert np.array_equal(read_field(field_bytes(field), n_channels), field)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_of_numbers_hold_them_as_they_are(dtype: type, tmp_path: Path):
    values = DRAW.integers(0, np.iinfo(dtype).max, (4, 6)).astype(dtype)
    (tmp_path / "a.png").write_bytes(as_png(values))
    for cell in (as_png(values), str(tmp_path / "a.png"), {"bytes": as_png(values), "path": None}):
        assert np.array_equal(read_field(cell, 1)[0], values)


def test_colours_are_directions():
    colours = np.array([[[0, 255, 128], [255, 0, 127]]], np.uint8)
    found = read_field(as_png(colours), 3)
    assert found[:, 0, 0].tolist() == pytest.approx([-1, 1, 1 / 255], abs=1e-9)
    assert found[:, 0, 1].tolist() == pytest.approx([1, -1, -1 / 255], abs=1e-9)


def test_black_is_no_direction():
    colours = np.array([[[0, 0, 0], [0, 0, 128]]], np.uint8)
    found = read_field(as_png(colours), 3)
    assert found[:, 0].T.tolist() == [[0, 0, 0], pytest.approx([-1, -1, 1 / 255], abs=1e-9)]


def test_arrays_and_files_of_arrays_are_read_whichever_axis_comes_first(tmp_path: Path):
    field = DRAW.normal(size=(3, 4, 5))
    np.save(tmp_path / "a.npy", field)
    for cell in (field, field.transpose(1, 2, 0), str(tmp_path / "a.npy"), field.tolist()):
        assert np.array_equal(read_field(cell, 3), field)
    for cell in (field[0], field[:1], field[0][:, :, None], field[0].tolist()):
        assert np.array_equal(read_field(cell, 1), field[:1])


@pytest.mark.parametrize(
    ("cell", "n_channels", "said"),
    [
        (np.zeros((2, 3, 2)), 1, "expected .height, width."),
        (np.zeros((2, 3)), 3, "expected .height, width, 3."),
        (np.zeros((0, 3)), 1, "expected .height, width."),
        (np.array([["a"]]), 1, "expected .height, width."),
        (b"\x93NUMPY and then nothing", 1, "no NumPy file that can be read"),
        ("nowhere.npy", 1, "is no file"),
        ("nowhere.png", 1, "is no file"),
        (as_png(np.zeros((2, 2, 3), np.uint8)), 1, "holds RGB, expected one number a pixel"),
        (as_png(np.zeros((2, 2), np.uint8)), 3, "holds L, expected red, green and blue"),
        (3.5, 1, "must be a path, bytes or an array, got float"),
    ],
)
def test_what_is_no_field_is_refused_in_a_sentence(cell: object, n_channels: int, said: str):
    with pytest.raises(DataError, match=said):
        read_field(cell, n_channels)


def test_nothing_is_unpickled():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no NumPy file"):
        read_field(file.getvalue(), 1)


@pytest.mark.parametrize(("height", "width"), [(2, 3), (5, 7), (11, 4)])
def test_each_pixel_takes_the_numbers_of_the_nearest_one(height: int, width: int):
    field = DRAW.normal(size=(2, 5, 7))
    found = nearest_field(field, height, width)
    for row in range(height):
        for column in range(width):
            y, x = int((row + 0.5) * 5 / height), int((column + 0.5) * 7 / width)
            assert np.array_equal(found[:, row, column], field[:, y, x])
