"""A column of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError, PictureSpec, RowError
from cotrain._base._lazy import Lazy
from cotrain._base._pictures import Channels, read_picture
from cotrain.data.columns._base import Column, Parts

#: So many training pictures are looked at for their size, colours and depth.
_SAMPLE = 200
#: Longest side where the user names none; larger pictures are made smaller.
LONGEST = 256
#: Bytes that the pictures of a table may take in memory; more are decoded when a batch needs them.
MOST_BYTES = 4 * 2**30
#: Threads that decode: files are read and decoded beside one another.
_THREADS = 4


@final
class Picture(Column):
    """Pictures: paths, the bytes of files, or mappings of `bytes` and `path`.

    Every picture is turned as it says, given one number of channels and one size (bilinear), and kept as
    integers in memory, or, where all of them would take more than 4 GB there, decoded batch by batch. What
    networks see is (value - mean) / deviation per channel, with those of the
    training pictures. A missing cell is a picture of the mean colour.

    Args:
        name: name of the column.
        size: height and width that networks see, or one number for both, ≥ 1; `None`: the median of each
            side over the training pictures, and no side above 256.
        channels: 1 = grey, 3 = colour, 4 = with opacity; `None`: 3 if any training picture has colour.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> from PIL import Image
        >>> import io
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (6, 4), "red").save(file, "PNG")
        >>> values = pl.Series("photo", [file.getvalue(), None])
        >>> column = Picture("photo").fit(values)
        >>> column.encode(values).pictures.shape
        (2, 3, 4, 6)
    """

    def __init__(
        self,
        name: str,
        *,
        size: int | Sequence[int] | None = None,
        channels: Literal[1, 3, 4] | None = None,
    ) -> None:
        super().__init__(name)
        sides = [size, size] if isinstance(size, int) else size
        whole = sides is None or (len(sides) == 2 and all(isinstance(s, int) and s >= 1 for s in sides))
        if not whole:
            raise InvalidArgumentError(
                f"Column {name!r}: size is {size!r}, expected a whole number ≥ 1, or height and width."
            )
        if channels not in (None, 1, 3, 4):
            raise InvalidArgumentError(f"Column {name!r}: channels is {channels!r}, expected 1, 3 or 4.")
        self.size = size if isinstance(size, int) or size is None else list(size)
        self.channels = channels
        self._sides = sides

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Look at some of the pictures for size, colours and depth, and at their values."""
        known = np.flatnonzero(values.is_not_null().to_numpy())
        if not len(known):
            raise DataError(f"Column {self.name!r}: no row has a picture.")
        sample = known[:: max(1, len(known) // _SAMPLE)][:_SAMPLE].tolist()
        cells, read = values.to_list(), 3 if self.channels is None else self.channels
        with ThreadPoolExecutor(_THREADS) as pool:
            pictures = list(pool.map(lambda row: self._one(cells[row], read, row), sample))
        height, width = self._side(pictures, 0), self._side(pictures, 1)
        channels = self.channels or (3 if any(_coloured(picture) for picture in pictures) else 1)
        deep = any(picture.dtype == np.uint16 for picture in pictures)
        shown = [_resized(picture[:channels], height, width, deep=deep) for picture in pictures]
        stacked = np.stack(shown).astype(np.float64)
        return {
            "shape": [channels, height, width],
            "deep": deep,
            "mean": stacked.mean(axis=(0, 2, 3)).tolist(),
            # Pictures of one colour have no spread: one level keeps them finite.
            "deviation": np.maximum(stacked.std(axis=(0, 2, 3)), 1.0).tolist(),
        }

    def settle(self) -> None:
        """Set the shape."""
        shape = self.state["shape"]
        if (
            len(shape) != 3
            or shape[0] not in (1, 3, 4)
            or not all(isinstance(s, int) and s >= 1 for s in shape)
        ):
            raise DataError(
                f"The schema is damaged: pictures of column {self.name!r} have the shape {shape!r}."
            )
        if len(self.state["mean"]) != shape[0] or len(self.state["deviation"]) != shape[0]:
            raise DataError(f"The schema is damaged: column {self.name!r} lacks the mean of a channel.")
        self.picture = PictureSpec(
            (shape[0], shape[1], shape[2]), tuple(self.state["mean"]), tuple(self.state["deviation"])
        )

    def encode(self, values: pl.Series) -> Parts:
        """Decode the pictures of B rows."""
        channels, height, width = self.state["shape"]
        deep = bool(self.state["deep"])
        dtype = np.uint16 if deep else np.uint8
        size = len(values) * channels * height * width * np.dtype(dtype).itemsize
        mean = np.rint(self.state["mean"]).astype(dtype)[:, None, None]
        if size > MOST_BYTES:
            return Parts(pictures=self._undecoded(values, mean))
        pictures = np.empty((len(values), channels, height, width), dtype)
        known = np.flatnonzero(values.is_not_null().to_numpy())
        pictures[:] = mean
        cells = values.to_list()

        def put(row: int) -> None:
            picture = _resized(self._one(cells[row], channels, row), height, width, deep=deep)
            pictures[row] = picture

        with ThreadPoolExecutor(_THREADS) as pool:
            # The first row that cannot be read is told, whichever thread was first.
            list(pool.map(put, known.tolist()))
        return Parts(pictures=pictures)

    def _undecoded(self, values: pl.Series, mean: np.ndarray) -> Lazy:
        """Return pictures that are decoded when a batch needs them."""
        channels, height, width = self.state["shape"]
        deep = bool(self.state["deep"])

        def decode(cell: str | bytes) -> Tensor:
            picture = self._one(cell, channels, None)
            return torch.from_numpy(_resized(picture, height, width, deep=deep).copy())

        blank = torch.from_numpy(np.broadcast_to(mean, (channels, height, width)).copy())
        return Lazy([_file_of(cell) for cell in values.to_list()], decode, blank=blank)

    def _one(self, cell: Any, channels: Channels, row: int | None) -> np.ndarray:
        try:
            return read_picture(cell, channels)
        except DataError as error:
            if row is None:
                raise DataError(f"Column {self.name!r}: {error}") from error
            raise RowError(f"Column {self.name!r}, row {{row}}: {error}", row) from error

    def _side(self, pictures: Sequence[np.ndarray], axis: int) -> int:
        """Return the height (0) or width (1) that networks see."""
        if self._sides is not None:
            return self._sides[axis]
        sides = np.array([picture.shape[1:] for picture in pictures])
        height, width = np.median(sides, axis=0)
        shrink = min(1.0, LONGEST / max(height, width))
        return max(1, round((height, width)[axis] * shrink))


def _file_of(cell: Any) -> str | bytes | None:
    """Return the path or the bytes of a cell, which may be a mapping of both."""
    return cell if not isinstance(cell, Mapping) else cell.get("bytes") or cell.get("path")


def _coloured(picture: np.ndarray) -> bool:
    return bool((picture[:3] != picture[:1]).any())


def _resized(picture: np.ndarray, height: int, width: int, *, deep: bool) -> np.ndarray:
    """Return a picture [C, H, W] of another size, uint16 if `deep`, else uint8."""
    if picture.shape[1:] != (height, width):
        picture = _scaled(picture, height, width)
    if deep and picture.dtype == np.uint8:
        return picture.astype(np.uint16) * 257
    if not deep and picture.dtype == np.uint16:
        return (picture // 257).astype(np.uint8)
    return picture


def _scaled(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    # Channel by channel: Pillow has no 16-bit colour. Its filter widens where a picture gets smaller.
    planes = [
        Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        for plane in picture
    ]
    largest = np.iinfo(picture.dtype).max
    return np.clip(np.rint(np.stack([np.asarray(p) for p in planes])), 0, largest).astype(picture.dtype)
