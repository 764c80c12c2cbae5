"""The outlines and run lengths of COCO's annotations, as cells of masks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from cotrain._base import DataError
from cotrain.tasks.dense._run_lengths import runs_as_text, runs_from_text

#: An area as it stands in a mask: one of the three is not null.
AREA = pl.Struct(
    {
        "label": pl.String,
        "polygons": pl.List(pl.List(pl.Float64)),
        "rle": pl.String,
        "box": pl.List(pl.Float64),
    }
)
#: The mask of a picture as it stands in a cell.
MASK = pl.Struct({"height": pl.Int64, "width": pl.Int64, "areas": pl.List(AREA)})

#: Numbers of two points, which enclose nothing.
_NO_AREA = 4


def area_of(
    segmentation: Any, label: str, box: Sequence[float], *, size: tuple[int | None, int | None], where: str
) -> dict[str, Any]:
    """Return the area of an annotation: its outlines or run lengths; its box where it has none.

    Args:
        segmentation: a list of polygons [x, y, x, y, ...], or one of them; or run lengths, as a list or as
            text, with the size of their picture. `None`, an empty list, and polygons of less than three
            points: there is none.
        label: of the thing.
        box: of the thing.
        size: height and width of the picture, as far as they are known.
        where: what errors begin with.

    Raises:
        DataError: it is of another form, or the run lengths are of a picture of another size.

    Example:
        >>> area_of([[1, 1, 3, 1, 3, 2]], "cat", [1, 1, 2, 1], size=(4, 4), where="annotation 1")["polygons"]
        [[1.0, 1.0, 3.0, 1.0, 3.0, 2.0]]
    """
    area: dict[str, Any] = {"label": label, "polygons": None, "rle": None, "box": None}
    if isinstance(segmentation, Mapping) and segmentation:
        return {**area, "rle": _runs(segmentation, size, where)}
    if isinstance(segmentation, list):
        flat = bool(segmentation) and not isinstance(segmentation[0], list)
        polygons = [_polygon(part, where) for part in ([segmentation] if flat else segmentation)]
        polygons = [part for part in polygons if len(part) > _NO_AREA]
        if polygons:
            return {**area, "polygons": polygons}
    elif segmentation:
        raise DataError(
            f"{where} has the segmentation {str(segmentation)[:40]!r}, expected a list of polygons, or size "
            "and counts."
        )
    return {**area, "box": list(box)}


def _polygon(values: Any, where: str) -> list[float]:
    pairs = isinstance(values, list) and len(values) % 2 == 0
    if not pairs or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        raise DataError(f"{where} has the polygon {str(values)[:60]}, expected [x, y, x, y, ...] in pixels.")
    return [float(value) for value in values]


def _runs(segmentation: Mapping[str, Any], size: tuple[int | None, int | None], where: str) -> str:
    """Return run lengths as text."""
    counts, of = segmentation.get("counts"), segmentation.get("size")
    listed = isinstance(counts, list) and all(isinstance(n, int) and n >= 0 for n in counts)
    sides = isinstance(of, list) and len(of) == len(size) and all(isinstance(side, int) for side in of)
    if not sides or not (listed or isinstance(counts, str)):
        raise DataError(
            f"{where} has the segmentation {str(dict(segmentation))[:60]}, expected size, [height, width], "
            "and counts, a list of run lengths or their text."
        )
    if any(known is not None and side != known for side, known in zip(of, size, strict=True)):
        raise DataError(
            f"{where} has run lengths of a picture of {of[1]}×{of[0]} pixels, and its own has "
            f"{size[1]}×{size[0]}."
        )
    try:
        text = runs_as_text(counts) if listed else counts
        n_pixels = int(runs_from_text(text).sum())
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    if n_pixels != of[0] * of[1]:
        raise DataError(
            f"{where} has run lengths of {n_pixels:,} pixels together, and a picture of {of[1]}×{of[0]} has "
            f"{of[0] * of[1]:,}."
        )
    return text
