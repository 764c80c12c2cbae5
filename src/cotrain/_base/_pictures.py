"""Pictures from files, bytes and arrays, as arrays of one form."""

from __future__ import annotations

import io
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cotrain._base._errors import DataError, MissingExtraError, RowError

if TYPE_CHECKING:
    from PIL.Image import Image

#: 1 = grey, 3 = red, green, blue, 4 = these and opacity.
Channels = Literal[1, 3, 4]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: What the largest value of a picture of 16 bits is.
_LARGEST_16 = 65535
#: More would take the memory of a whole batch; Pillow warns from about here on.
MOST_PIXELS = 90_000_000
#: Endings of the names of picture files that are recognised among texts: those that Pillow reads by itself,
#: but for what is no picture first of all, such as .pdf, and .mpo, several in one.
PICTURE_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".tga", ".pcx", ".ras", ".xpm", ".dds",
)  # fmt: skip


def read_picture(value: object, channels: Channels = 3, folder: Path | None = None) -> np.ndarray:
    """Return a picture as [C, H, W], uint8, or uint16 where it has more than 8 bits.

    A picture that says how it is to be turned is turned so; palettes, CMYK and other colour spaces become
    red, green and blue; where no opacity is asked for, what is transparent shows white.

    Args:
        value: path; the bytes of a file; a mapping of `bytes` or `path`, as Hugging Face data sets have it; a
            Pillow image; an array [H, W] or [H, W, C] of uint8, uint16, bool, or floats in [0, 1]; or such a
            one as lists in lists, of whole numbers from 0 to 255 or floats.
        channels: C.
        folder: what relative paths are relative to; `None`: the working directory.

    Raises:
        DataError: there is no such file, it is no whole picture, it is animated, or the array is of another
        form. MissingExtraError: Pillow is not installed.

    Example:
        >>> read_picture(np.zeros((2, 5), np.uint8)).shape
        (3, 2, 5)
    """
    if isinstance(value, list):
        value = _of_lists(value)
    if isinstance(value, np.ndarray):
        return _of_array(value, channels)
    image_module = _pillow()
    if isinstance(value, image_module.Image):
        return _of_image(value, channels)
    with open_picture(value, folder) as (_, image):
        return _of_image(image, channels)


@contextmanager
def open_picture(value: object, folder: Path | None = None) -> Generator[tuple[str, Image], None, None]:
    """Open a picture, its pixels loaded; give what it is called in errors, and the picture.

    Args:
        value: see `read_picture`.
        folder: see `read_picture`.

    Raises:
        DataError: there is no such file, or it is no whole picture.
        MissingExtraError: Pillow is not installed.
    """
    image_module = _pillow()
    name, source = _opened(value, folder)
    with _refusing(name), image_module.open(source) as image:
        if image.width * image.height > MOST_PIXELS:
            raise DataError(
                f"{name} is too large: {image.width}×{image.height} pixels, of which {MOST_PIXELS:,} are "
                "the most. Make it smaller first."
            )
        frames = getattr(image, "n_frames", 1)
        # What cameras save as several pictures in one file (MPO) is a picture and its smaller copies.
        if frames > 1 and image.format != "MPO":
            raise DataError(
                f"{name} is animated or has pages ({frames}), expected one picture: save one of them."
            )
        image.load()
        yield name, image


@contextmanager
def _refusing(name: str) -> Generator[None, None, None]:
    """Say in a sentence why Pillow cannot read a file."""
    image_module = _pillow()
    try:
        yield
    except DataError:
        raise
    except (image_module.DecompressionBombError, image_module.DecompressionBombWarning) as error:
        raise DataError(f"{name} is too large: {error} Make it smaller first.") from error
    except image_module.UnidentifiedImageError as error:
        raise DataError(f"{name} is no picture that can be read: expected PNG, JPEG or the like.") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError) as error:
        # Pillow's readers end in any of these where a file is damaged.
        raise DataError(f"{name} is damaged or cut off ({error}): replace it, or empty the cell.") from error


def picture_size(value: object, folder: Path | None = None) -> tuple[int, int]:
    """Return height and width as it is shown, without decoding the pixels of a file.

    Args:
        value: see `read_picture`.
        folder: see `read_picture`.

    Raises:
        DataError: it is no picture.
    """
    if isinstance(value, list):
        value = _of_lists(value)
    if isinstance(value, np.ndarray):
        shape = _of_array(value, 1).shape
        return shape[1], shape[2]
    image_module = _pillow()
    if isinstance(value, image_module.Image):
        return value.height, value.width
    name, source = _opened(value, folder)
    with _refusing(name), image_module.open(source) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (image.width, image.height) if turned else (image.height, image.width)


def picture_sizes(cells: Sequence[object], otherwise: tuple[int, int], where: str) -> list[tuple[int, int]]:
    """Return height and width of the picture in each cell.

    Args:
        cells: see `read_picture`; `None` or "": there is none.
        otherwise: height and width where there is none.
        where: what errors begin with, before the number of the row.

    Raises:
        DataError: a cell is no picture.
    """
    sizes = []
    for row, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and not cell):
            sizes.append(otherwise)
            continue
        try:
            sizes.append(picture_size(cell))
        except DataError as error:
            raise RowError(f"{where}, row {{row}}: {error}", row) from error
    return sizes


def _opened(value: object, folder: Path | None) -> tuple[str, Path | io.BytesIO]:
    """Return what a picture is called in errors, and what Pillow opens."""
    if isinstance(value, Mapping):
        of = value.get("bytes") or value.get("path")
        if of is None:
            raise DataError(
                f"A picture given as a mapping needs bytes or path, got {sorted(map(str, value))}."
            )
        value = of
    if isinstance(value, bytes | bytearray | memoryview):
        return f"A picture of {len(value)} bytes", io.BytesIO(bytes(value))
    if not isinstance(value, str | Path):
        raise DataError(
            f"A picture must be a path, bytes or an array, got {type(value).__name__}: {str(value)[:40]!r}."
        )
    path = Path(value) if folder is None else folder / value
    if not path.is_file():
        raise DataError(f"The picture {str(path)!r} is no file: check the path, or empty the cell.")
    return f"The picture {str(path)!r}", path


def _of_image(image: Image, channels: Channels) -> np.ndarray:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        return _with_channels(_deep(image)[:, :, None], channels)
    if channels != 4 and ("A" in image.mode or "transparency" in image.info):
        from PIL import Image as image_module

        shown = image.convert("RGBA")
        image = image_module.alpha_composite(image_module.new("RGBA", shown.size, "white"), shown)
    array = np.asarray(image.convert(_MODES[channels]))
    return np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1))


def _deep(image: Image) -> np.ndarray:
    """Return the values of one deep channel as uint16 [H, W]."""
    values = np.asarray(image)
    if image.mode == "F":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise DataError("A picture of floating-point values must have them in [0, 1].")
        values = np.rint(values.astype(np.float64) * _LARGEST_16)
    if values.min() < 0 or values.max() > _LARGEST_16:
        raise DataError(
            f"A picture has values from {values.min()} to {values.max()}, expected at most 16 bits: scale it."
        )
    return values.astype(np.uint16)


def _of_lists(value: list[Any]) -> np.ndarray:
    """Return lists in lists as an array, whole numbers as uint8."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"The rows of the picture {str(value)[:40]} are of different lengths, expected lists [height, "
            "width] or [height, width, channels]."
        ) from error
    if array.dtype.kind not in "iu" or not array.size:
        return array
    if array.min() < 0 or array.max() > np.iinfo(np.uint8).max:
        raise DataError(
            f"A picture as lists has numbers from {array.min()} to {array.max()}, expected whole ones from 0 "
            "to 255, or fractions from 0 to 1."
        )
    return array.astype(np.uint8)


def _of_array(array: np.ndarray, channels: Channels) -> np.ndarray:
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise DataError(
            f"A picture as an array has the shape {array.shape}, expected [height, width] or [height, width, "
            "1, 3 or 4]."
        )
    values = array if array.ndim == 3 else array[:, :, None]
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    elif values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise DataError("A picture of floating-point values must have them in [0, 1].")
        values = np.rint(values.astype(np.float64) * _LARGEST_16).astype(np.uint16)
    elif values.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"A picture as an array is of {values.dtype}, expected uint8, uint16, bool or floats."
        )
    return _with_channels(values, channels)


def _with_channels(values: np.ndarray, channels: Channels) -> np.ndarray:
    """Return [H, W, 1, 3 or 4] as [C, H, W]."""
    largest = np.iinfo(values.dtype).max
    if values.shape[2] == 4 and channels != 4:
        opacity = values[:, :, 3:].astype(np.float64) / largest
        values = np.rint(values[:, :, :3] * opacity + largest * (1 - opacity)).astype(values.dtype)
    if values.shape[2] == 3 and channels == 1:
        grey = values.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
        values = np.rint(grey).astype(values.dtype)[:, :, None]
    if values.shape[2] == 1 and channels != 1:
        values = values.repeat(3, axis=2)
    if channels == 4 and values.shape[2] == 3:
        values = np.concatenate([values, np.full_like(values[:, :, :1], largest)], axis=2)
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def _pillow() -> Any:
    try:
        from PIL import Image as image_module
    except ImportError as error:
        raise MissingExtraError(
            "Pictures are read by Pillow, which is not installed: run pip install 'cotrain[vision]'."
        ) from error
    return image_module
