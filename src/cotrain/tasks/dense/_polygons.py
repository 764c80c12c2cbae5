"""Which pixels are in a polygon, by the rule of COCO's tools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import DataError

#: Outlines are walked in steps of this part of a pixel.
_SCALE = 5
#: So many pictures, or pixels in a small one, away a corner is a slip; steps to it would fill the memory.
_FAR, _FAR_PIXELS = 10, 1000


def region_of_polygon(points: Sequence[float], height: int, width: int) -> tuple[int, np.ndarray]:
    """Return which pixels are in a polygon, in those columns of the picture that it reaches.

    The outline is walked in fifths of a pixel, each edge along its longer side and rounded across. Where it
    passes the middle of a column of pixels it begins or ends a run of them: a pixel is inside if an odd
    number of passes lies above its middle.

    Args:
        points: x, y, x, y, ... of the corners in pixels from the upper left corner; they may lie outside.
        height: of the picture, in pixels.
        width: of the picture, in pixels.

    Returns:
        first: the first column.
        inside: bool [height, number of columns].

    Raises:
        DataError: a corner is no finite number, or is far outside the picture.

    Source: the fill of https://github.com/cocodataset/cocoapi, whose masks are the same to the pixel.
    Pillow's polygons have a pixel more at their edges: a mean IoU of .79 with it over 2,000 random ones of up
    to 60×60 pixels.

    Example:
        >>> first, inside = region_of_polygon([1, 1, 3, 1, 3, 2, 1, 2], 3, 4)
        >>> first, inside.astype(int).tolist()
        (1, [[0, 0], [1, 1], [0, 0]])
    """
    corners = np.asarray(points, np.float64).reshape(-1, 2)
    near = (np.abs(corners) <= max(_FAR_PIXELS, _FAR * height, _FAR * width)).all(axis=1)
    if not near.all():
        raise DataError(
            f"A corner of an outline lies at {corners[~near][0].tolist()}, far outside its picture of "
            f"{width}×{height} pixels."
        )
    across, down = _outline(np.trunc(_SCALE * corners + 0.5))
    turns = np.flatnonzero(np.diff(across))
    columns = (np.minimum(across[turns], across[turns + 1]) + 0.5) / _SCALE - 0.5
    rows = (np.minimum(down[turns], down[turns + 1]) + 0.5) / _SCALE - 0.5
    middle = (np.floor(columns) == columns) & (columns >= 0) & (columns <= width - 1)
    columns, rows = columns[middle].astype(np.int64), np.ceil(rows[middle].clip(0, height)).astype(np.int64)
    if not len(columns):
        return 0, np.zeros((height, 0), bool)
    first = int(columns.min())
    n = int(columns.max()) - first + 1
    # A row more takes the passes below the picture.
    passes = np.bincount((columns - first) * (height + 1) + rows, minlength=n * (height + 1))
    return first, (passes.reshape(n, height + 1)[:, :height].cumsum(axis=1) % 2 == 1).T


def _outline(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of every step along the edges of a closed polygon, whose corners are whole."""
    start, end = corners, np.roll(corners, -1, axis=0)
    sides = np.abs(end - start)
    edges = np.arange(len(corners))
    along = np.where(sides[:, 0] >= sides[:, 1], 0, 1)
    backwards = start[edges, along] > end[edges, along]
    low, high = np.where(backwards[:, None], end, start), np.where(backwards[:, None], start, end)
    steps = sides.max(axis=1).astype(np.int64)
    slope = (high - low)[edges, 1 - along] / np.maximum(steps, 1)
    edge = np.repeat(edges, steps + 1)
    at = np.arange(len(edge)) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    at = np.where(backwards[edge], steps[edge] - at, at)
    main = low[edges, along][edge] + at
    other = np.trunc(low[edges, 1 - along][edge] + slope[edge] * at + 0.5)
    flat = along[edge] == 0
    return np.where(flat, main, other), np.where(flat, other, main)
