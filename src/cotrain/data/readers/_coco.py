"""COCO's annotations of pictures: a row a picture, its boxes in a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError

#: A point as it stands in a cell: [x, y] in pixels, and whether it is to be seen.
POINT = pl.Struct({"point": pl.List(pl.Float64), "label": pl.String, "visible": pl.Boolean})
#: A box as it stands in a cell: [x, y, width, height] in pixels from the upper left corner.
BOX = pl.Struct({"box": pl.List(pl.Float64), "label": pl.String, "crowd": pl.Boolean})


def is_coco(document: object) -> bool:
    """Whether a JSON document lists pictures as COCO does.

    Example:
        >>> is_coco({"images": [], "annotations": []}), is_coco([{"images": 1}])
        (True, False)
    """
    return isinstance(document, Mapping) and isinstance(document.get("images"), list)


def coco_table(document: Mapping[str, Any], path: Path) -> pl.DataFrame:
    """Return a table with the columns `file`, `width`, `height` and `boxes`, of points also `keypoints`.

    A picture without an annotation has an empty list of boxes: nothing is there. In a document without
    `annotations`, as COCO lists its unlabelled pictures, all boxes are null: nobody has looked. Labels are
    the names of the categories; categories' numbers, which may have gaps, are not seen again. `file` leads
    from the document's folder to the picture, by way of `images/` where the pictures lie there.

    Where a category names keypoints, the list in `keypoints` has those points of all things in the picture
    that are labelled (v = 1 or 2); v = 1, labelled and not to be seen, is `visible: false`.

    Source: https://cocodataset.org/#format-data.

    Args:
        document: of which `is_coco` holds.
        path: where it was read; what pictures are relative to.

    Raises:
        DataError: an annotation belongs to no picture or to no category, or has no box; two pictures or two
            categories have one id.

    Example:
        >>> table = coco_table(
        ...     {
        ...         "images": [{"id": 7, "file_name": "a.png", "width": 64, "height": 48}],
        ...         "categories": [{"id": 3, "name": "cat"}],
        ...         "annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 20]}],
        ...     },
        ...     Path("instances.json"),
        ... )
        >>> table["boxes"].to_list()
        [[{'box': [1.0, 2.0, 10.0, 20.0], 'label': 'cat', 'crowd': False}]]
    """
    pictures = document["images"]
    places = {number: i for i, number in enumerate(_numbers(pictures, path, "image"))}
    categories = document.get("categories") or []
    _numbers(categories, path, "categorie")
    names = {c["id"]: str(c.get("name", c["id"])) for c in categories}
    looked = isinstance(document.get("annotations"), list)
    named = {c["id"]: [str(one) for one in c.get("keypoints") or []] for c in categories}
    boxes: list[list[dict[str, Any]]] = [[] for _ in pictures]
    points: list[list[dict[str, Any]]] = [[] for _ in pictures]
    for number, annotation in enumerate(document.get("annotations") or []):
        picture, category = annotation.get("image_id"), annotation.get("category_id")
        where = f"{path}: annotation {annotation.get('id', number)}"
        if picture not in places:
            raise DataError(f"{where} belongs to the image {picture!r}, which `images` does not list.")
        if category not in names:
            raise DataError(f"{where} is of the category {category!r}, which `categories` does not list.")
        boxes[places[picture]].append(
            {
                "box": _box(annotation.get("bbox"), where),
                "label": names[category],
                "crowd": bool(annotation.get("iscrowd", 0)),
            }
        )
        points[places[picture]] += _points(annotation.get("keypoints"), named[category], where)
    folder = _folder([_of(picture, "file_name", path, "image") for picture in pictures], path.parent)
    cells = {"boxes": pl.Series(boxes if looked else [None] * len(pictures), dtype=pl.List(BOX))}
    if any(named.values()):
        # A point that is not labelled is unknown: where none is the cell is empty.
        cells["keypoints"] = pl.Series([of_one or None for of_one in points], dtype=pl.List(POINT))
    return pl.DataFrame(
        {
            "file": [folder + str(picture["file_name"]) for picture in pictures],
            "width": [picture.get("width") for picture in pictures],
            "height": [picture.get("height") for picture in pictures],
            **cells,
        },
        schema_overrides={"file": pl.String, "width": pl.Int64, "height": pl.Int64},
    )


def _numbers(items: Sequence[Any], path: Path, what: str) -> list[Any]:
    """Return the `id` of each entry; of two with one it would not be known whose an annotation is."""
    found = [_of(item, "id", path, what) for item in items]
    if len(set(found)) < len(found):
        twice = next(number for number, times in Counter(found).items() if times > 1)
        raise DataError(
            f"{path}: {found.count(twice)} entries of `{what}s` have the id {twice!r}, so that it is not "
            "known whose an annotation is: give each its own, or keep documents that were joined apart."
        )
    return found


def _of(item: Any, key: str, path: Path, what: str) -> Any:
    if not isinstance(item, Mapping) or key not in item:
        raise DataError(f"{path}: an entry of `{what}s` has no {key!r}: it is no whole COCO document.")
    return item[key]


def _box(values: Any, where: str) -> list[float]:
    whole = isinstance(values, list) and len(values) == 4
    if not whole or not all(isinstance(v, int | float) for v in values) or min(values[2:]) < 0:
        raise DataError(f"{where} has the bbox {values!r}, expected [x, y, width, height] in pixels.")
    return [float(value) for value in values]


def _points(values: Any, names: Sequence[str], where: str) -> list[dict[str, Any]]:
    """Return the labelled points of a thing, from [x, y, v, x, y, v, ...]."""
    if values is None:
        return []
    whole = isinstance(values, list) and len(values) == 3 * len(names)
    if not whole or not all(isinstance(v, int | float) for v in values):
        raise DataError(
            f"{where} has keypoints {str(values)[:60]}, expected x, y and v for each of the {len(names)} "
            "keypoints of its category."
        )
    return [
        {"point": [float(x), float(y)], "label": name, "visible": v > 1}
        for name, x, y, v in zip(names, values[::3], values[1::3], values[2::3], strict=True)
        if v > 0
    ]


def _folder(files: Sequence[str], parent: Path) -> str:
    """Return "images/" if the pictures lie in that folder beside the document, else nothing."""
    first = next(iter(files), None)
    if first is None or (parent / first).exists():
        return ""
    return "images/" if (parent / "images" / first).exists() else ""
