"""Masks as areas with labels: outlines or run lengths, drawn where the pixels are needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from cotrain._base import DataError
from cotrain.tasks.dense._polygons import region_of_polygon
from cotrain.tasks.dense._run_lengths import region_of_runs

#: The class of the pixels in no area.
BACKGROUND = "background"
#: What an area may be given as.
_FORMS = ("polygons", "rle", "box")


@final
@dataclass(frozen=True)
class Areas:
    """The areas of one picture.

    Args:
        height: of the picture in pixels; `None`: it is not known.
        width: of the picture in pixels; `None`: it is not known.
        areas: mappings of `label` and of one of `polygons`, a list of [x, y, x, y, ...] in pixels, all of
            which together are the area; `rle`, see `runs_as_text`; or `box`, [x, y, width, height], in which
            there is such a thing, and nobody said where.

    Example:
        >>> square = {"label": "cat", "polygons": [[1, 0, 3, 0, 3, 2, 1, 2]]}
        >>> areas = Areas(3, 4, [square, {"label": "dog", "box": [0, 2, 1, 1]}])
        >>> areas.draw({"background": 0, "cat": 1}, unknown=255, strange=256).tolist()
        [[0, 1, 1, 0], [0, 1, 1, 0], [255, 0, 0, 0]]
    """

    height: int | None
    width: int | None
    areas: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, cell: object) -> Self | None:
        """Return the areas of a cell, which is a mapping or its JSON; `None`: the cell is something else.

        Raises:
            DataError: it is of another form than areas have.
        """
        if isinstance(cell, str) and cell.lstrip().startswith("{"):
            try:
                cell = json.loads(cell)
            except ValueError as error:
                raise DataError(
                    f"{cell[:60]!r} is no JSON ({error}), expected height, width and areas, or a path."
                ) from error
        if not isinstance(cell, Mapping) or "areas" not in cell:
            return None
        sides, areas = (cell.get("height"), cell.get("width")), cell["areas"]
        for side in sides:
            if side is not None and not (isinstance(side, int | float) and side >= 1 and side == int(side)):
                raise DataError(f"A mask has the height or width {side!r}, expected pixels from 1 on.")
        if not isinstance(areas, list) or not all(_is_area(area) for area in areas):
            raise DataError(
                f"The areas {str(areas)[:60]} are of another form, expected a list of label and polygons, "
                "rle or box."
            )
        height, width = (None if side is None else int(side) for side in sides)
        return cls(height, width, areas)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width; `None`: one of them is not known."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    @property
    def labels(self) -> set[str]:
        """The labels of areas that have pixels of their own."""
        return {str(area["label"]) for area in self.areas if _form(area) != "box"}

    def draw(self, numbers: Mapping[str, int], *, unknown: int, strange: int) -> np.ndarray:
        """Return the class number of every pixel, int64 [H, W].

        A small area lies over a larger one, and of equal ones the later over the earlier; what is in a mere
        box and in no area is unknown.

        Args:
            numbers: label -> class number, that of "background" among them.
            unknown: number of unknown pixels.
            strange: number of the pixels of labels that have no class.

        Raises:
            DataError: the size of the picture is not known, or an area is of another form.
        """
        if self.size is None:
            raise DataError(
                "How large the picture of a mask is is not known: fill in height and width where the areas "
                "are given, as `images` of a COCO document has them."
            )
        mask = np.full(self.size, numbers.get(BACKGROUND, 0), np.int64)
        drawn = []
        for area in self.areas:
            if _form(area) == "box":
                mask[_slices(area["box"])] = unknown
            else:
                first, inside = _region(area, *self.size)
                number = numbers.get(str(area["label"]), strange)
                drawn.append((int(inside.sum()), number, first, inside))
        for _, number, first, inside in sorted(drawn, key=lambda of: -of[0]):
            mask[:, first : first + inside.shape[1]][inside] = number
        return mask


def _form(area: Mapping[str, Any]) -> str:
    """Return what an area is given as."""
    return next(form for form in _FORMS if area.get(form) is not None)


def _is_area(area: object) -> bool:
    if not isinstance(area, Mapping) or area.get("label") is None:
        return False
    polygons, runs, box = (area.get(form) for form in _FORMS)
    if polygons is not None:
        parts = isinstance(polygons, list) and len(polygons) > 0
        return parts and all(_are_numbers(part) and len(part) >= 6 and not len(part) % 2 for part in polygons)
    return isinstance(runs, str) if runs is not None else _are_numbers(box) and len(box or []) == 4


def _are_numbers(values: Any) -> bool:
    return (
        isinstance(values, list)
        and set(map(type, values)) <= {int, float}
        and bool(np.isfinite(values).all())
    )


def _region(area: Mapping[str, Any], height: int, width: int) -> tuple[int, np.ndarray]:
    """Return the first column that an area reaches, and which pixels are in it from there on."""
    if _form(area) == "rle":
        return 0, region_of_runs(area["rle"], height, width)
    parts = [region_of_polygon(part, height, width) for part in area["polygons"]]
    if len(parts) == 1:
        return parts[0]
    first = min((at for at, part in parts if part.size), default=0)
    end = max((at + part.shape[1] for at, part in parts if part.size), default=0)
    together = np.zeros((height, end - first), bool)
    for at, part in parts:
        if part.size:
            together[:, at - first : at - first + part.shape[1]] |= part
    return first, together


def _slices(box: Sequence[float]) -> tuple[slice, slice]:
    """Return the rows and columns of all pixels that a box touches."""
    x, y, width, height = box
    rows, columns = (
        slice(max(0, int(np.floor(start))), max(0, int(np.ceil(start + side))))
        for start, side in ((y, height), (x, width))
    )
    return rows, columns
