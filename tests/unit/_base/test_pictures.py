"""Pictures of every kind: read right, or one sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotrain._base import CotrainError, DataError
from cotrain._base._pictures import picture_size, picture_sizes, read_picture

Image = pytest.importorskip("PIL.Image")

DRAW = np.random.default_rng(0)
COLOUR = DRAW.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = DRAW.integers(0, 256, (5, 7), dtype=np.uint8)


def file_of(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_path_bytes_mapping_image_and_array_are_the_same_picture(tmp_path: Path):
    image = Image.fromarray(COLOUR)
    data = file_of(image)
    (tmp_path / "a.png").write_bytes(data)
    expected = COLOUR.transpose(2, 0, 1)
    for value in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        data,
        {"bytes": data, "path": None},
        image,
        COLOUR,
    ):
        found = read_picture(value)
        assert found.dtype == np.uint8
        assert np.array_equal(found, expected)
        assert picture_size(value if not isinstance(value, dict) else data) == (5, 7)
    assert np.array_equal(read_picture("a.png", folder=tmp_path), expected)
    assert np.array_equal(read_picture({"bytes": None, "path": "a.png"}, folder=tmp_path), expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_gives_as_many_channels_as_are_asked_for(mode: str, channels: Any):
    if mode in ("I;16", "I"):
        image = Image.fromarray(GREY.astype(np.uint16) * 257).convert(mode)
    elif mode == "F":
        image = Image.fromarray((GREY / 255).astype(np.float32))
    else:
        image = Image.fromarray(COLOUR).convert(mode)
    found = read_picture(image, channels)
    assert found.shape == (channels, 5, 7)
    assert found.dtype == (np.uint16 if mode in ("I;16", "I", "F") else np.uint8)
    if channels == 4 and mode not in ("I;16", "I", "F"):
        assert (found[3] == 255).all()


def test_sixteen_bits_are_kept():
    deep = DRAW.integers(0, 65536, (4, 4), dtype=np.uint16)
    assert np.array_equal(read_picture(file_of(Image.fromarray(deep)), 1)[0], deep)


def test_cmyk_of_a_jpeg_has_the_colours_that_are_shown():
    red = Image.new("RGB", (8, 8), (250, 10, 10))
    found = read_picture(file_of(red.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found.mean(axis=(1, 2)) - [250, 10, 10]).max() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_it_says(orientation: int):
    image = Image.fromarray(COLOUR)
    exif = image.getexif()
    exif[0x0112] = orientation
    data = file_of(image, "PNG", exif=exif)
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[::-1],
    }
    expected = turns[orientation](COLOUR)
    assert np.array_equal(read_picture(data).transpose(1, 2, 0), expected)
    assert picture_size(data) == expected.shape[:2]


def test_what_is_transparent_shows_white():
    clear = np.dstack([COLOUR, np.zeros((5, 7), np.uint8)])
    for value in (clear, file_of(Image.fromarray(clear))):
        assert (read_picture(value) == 255).all()
        assert (read_picture(value, 1) == 255).all()
    assert np.array_equal(read_picture(clear, 4).transpose(1, 2, 0), clear)


def test_one_pixel_is_a_picture():
    assert read_picture(file_of(Image.new("L", (1, 1), 9))).tolist() == [[[9]], [[9]], [[9]]]


def test_floats_and_booleans_are_scaled():
    assert read_picture(np.array([[0.0, 0.5, 1.0]]), 1).tolist() == [[[0, 32768, 65535]]]
    assert read_picture(np.array([[False, True]]), 1).tolist() == [[[0, 255]]]


def animated() -> bytes:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    return file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (animated(), "is animated"),
        (file_of(Image.new("1", (10_000, 9_001))), "is too large"),
        (b"", "is no picture that can be read"),
        (b"<html>not found</html>", "is no picture that can be read"),
        (file_of(Image.fromarray(COLOUR))[:60], "damaged|no picture"),
        (file_of(Image.fromarray(COLOUR.repeat(40, 0).repeat(40, 1)), "JPEG")[:900], "damaged or cut off"),
        ("nowhere.png", "is no file"),
        (".", "is no file"),
        (7, "must be a path, bytes or an array, got int"),
        ({}, "needs bytes or path"),
        (np.zeros((3, 4, 5)), "has the shape"),
        (np.zeros((0, 4)), "has the shape"),
        (np.zeros((4, 4), np.int64), "is of int64"),
        (np.full((4, 4), 3.0), "must have them in"),
        (np.full((4, 4), np.nan), "must have them in"),
    ],
)
def test_what_is_no_whole_picture_is_refused_in_one_sentence(value: Any, sentence: str):
    with pytest.raises(DataError, match=sentence) as caught:
        read_picture(value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_no_damage_ends_in_a_traceback(kind: str):
    whole = file_of(Image.fromarray(COLOUR.repeat(8, 0)), kind)
    draw = np.random.default_rng(1)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.integers(1, 4)):
            data[draw.integers(len(data))] = draw.integers(256)
        said = ""
        try:
            read_picture(bytes(data[: draw.integers(1, len(data) + 1)]))
        except CotrainError as error:
            said = str(error)
        assert "\n" not in said


@pytest.mark.parametrize("n_bytes", [4, 20])
def test_the_size_of_what_is_no_picture_is_refused_with_its_row(tmp_path, n_bytes):
    """A size is asked before the pixels are: it lost the row, and called what is cut off no picture."""
    Image.new("RGB", (9, 5)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:n_bytes])
    assert picture_sizes([str(tmp_path / "a.png"), None, ""], (1, 2), "Column 'x'") == [
        (5, 9),
        (1, 2),
        (1, 2),
    ]
    with pytest.raises(
        DataError, match=r"^Column 'x', row 1: The picture '.*b\.png' is (damaged|no picture)"
    ):
        picture_sizes([None, str(tmp_path / "b.png")], (1, 2), "Column 'x'")


def test_lists_in_lists_are_the_picture_of_the_array():
    for array in (GREY, COLOUR, GREY / 255.0):
        assert np.array_equal(read_picture(array.tolist()), read_picture(array))
        assert picture_size(array.tolist()) == (5, 7)


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        ([[1, 2], [3]], "of different lengths"),
        ([[1, 2], [3, 256]], "numbers from 1 to 256, expected whole ones from 0 to 255"),
        ([[-1, 2]], "numbers from -1 to 2"),
        ([1, 2], r"shape \(2,\)"),
        ([], r"shape \(0,\)"),
        ([["a", "b"]], "array is of <U1"),
        ([[None, 1]], "array is of object"),
    ],
)
def test_lists_that_are_no_picture_get_a_sentence(lists: list, sentence: str):
    with pytest.raises(DataError, match=sentence):
        read_picture(lists)
