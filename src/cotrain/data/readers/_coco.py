"""COCO's annotations of pictures: a row a picture, its boxes in a list, its outlines in a mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError
from cotrain.data.readers._coco_masks import MASK, area_of

#: A point as it stands in a cell: [x, y] in pixels, and whether it is to be seen.
POINT = pl.Struct({"point": pl.List(pl.Float64), "label": pl.String, "visible": pl.Boolean})
#: A box as it stands in a cell: [x, y, width, height] in pixels from the upper left corner.
BOX = pl.Struct({"box": pl.List(pl.Float64), "label": pl.String, "crowd": pl.Boolean})

#: A category that was looked for, as it stands in a cell: a mapping, so that the column is no input.
LOOKED_FOR = pl.Struct({"label": pl.String})

#: Columns that all documents have, and those that only some have.
_OF_ALL = {"file", "width", "height", "boxes", "annotated"}
_MORE = {"keypoints": pl.List(POINT), "mask": MASK}
_OF_LISTS = {"boxes": pl.List(BOX), "annotated": pl.List(LOOKED_FOR), **_MORE}

#: What says whether a box is around a crowd, as text.
_FLAGS = {"0": False, "0.0": False, "False": False, "None": False, "1": True, "1.0": True, "True": True}
#: So many pictures are looked for.
_SAMPLE = 20


def is_coco(document: object) -> bool:
    """Whether a JSON document lists pictures as COCO does.

    Example:
        >>> is_coco({"images": [], "annotations": []}), is_coco([{"images": 1}])
        (True, False)
    """
    return isinstance(document, Mapping) and isinstance(document.get("images"), list)


def coco_table(document: Mapping[str, Any], path: Path) -> pl.DataFrame:
    """Return a table with `file`, `width`, `height`, `boxes`, `annotated`, and maybe `keypoints` and `mask`.

    A picture without an annotation has an empty list of boxes: nothing is there. In a document without
    `annotations`, as COCO lists its unlabelled pictures, all boxes are null: nobody has looked. Labels are
    the names of the categories; categories' numbers, which may have gaps, are not seen again. `annotated` is
    the list of all names, {"label": ...}: of other classes, which another document may have, nothing is known
    in these pictures. `file` leads from the document's folder to the picture, by way of `images/` where the
    pictures lie there.

    Where a category names keypoints, the list in `keypoints` has those points of all things in the picture
    that are labelled (v = 1 or 2); v = 1, labelled and not to be seen, is `visible: false`.

    Where an annotation has a `segmentation`, the column `mask` has the areas of all things in the picture, of
    which `Segmentation` makes pixels; of a thing without one its box, where it is unknown which are its own.

    Source: https://cocodataset.org/#format-data.

    Args:
        document: of which `is_coco` holds.
        path: where it was read; what pictures are relative to.

    Raises:
        DataError: an annotation belongs to no picture or to no category, or has no box; two pictures or two
            categories have one id; two categories with annotations have one name; or an entry, such as an
            outline, is of another form.

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
    categories, annotations = (_list(document.get(key), key, path) for key in ("categories", "annotations"))
    _numbers(categories, path, "categorie")
    names = {c["id"]: str(c.get("name", c["id"])) for c in categories}
    looked = document.get("annotations") is not None
    named = {c["id"]: [str(one) for one in c.get("keypoints") or []] for c in categories}
    boxes: list[list[dict[str, Any]]] = [[] for _ in pictures]
    points: list[list[dict[str, Any]]] = [[] for _ in pictures]
    areas: list[list[dict[str, Any]]] = [[] for _ in pictures]
    sides = [[_side(picture, key, path) for picture in pictures] for key in ("width", "height")]
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, Mapping):
            raise DataError(
                f"{path}: entry {number} of `annotations` is {str(annotation)[:40]!r}, no mapping."
            )
        picture, category = annotation.get("image_id"), annotation.get("category_id")
        where = f"{path}: annotation {annotation.get('id', number)}"
        if picture not in places:
            raise DataError(f"{where} belongs to the image {picture!r}, which `images` does not list.")
        if category not in names:
            raise DataError(f"{where} is of the category {category!r}, which `categories` does not list.")
        row = places[picture]
        where += f" in the image {pictures[row].get('file_name', picture)!r}"
        box = _box(annotation.get("bbox"), where)
        crowd = _is_crowd(annotation.get("iscrowd"), where)
        boxes[row].append({"box": box, "label": names[category], "crowd": crowd})
        points[row] += _points(annotation.get("keypoints"), named[category], where)
        size = (sides[1][row], sides[0][row])
        areas[row].append(
            area_of(annotation.get("segmentation"), names[category], box, size=size, where=where)
        )
    _require_names_apart(names, [annotation["category_id"] for annotation in annotations], path)
    folder = _folder([_of(picture, "file_name", path, "image") for picture in pictures], path.parent)
    known = [{"label": name} for name in dict.fromkeys(names.values())] if looked and names else None
    cells = {
        "boxes": pl.Series(boxes if looked else [None] * len(pictures), dtype=pl.List(BOX)),
        "annotated": pl.Series([known] * len(pictures), dtype=pl.List(LOOKED_FOR)),
    }
    if any(named.values()):
        # A point that is not labelled is unknown: where none is the cell is empty.
        cells["keypoints"] = pl.Series([of_one or None for of_one in points], dtype=pl.List(POINT))
    if any(area["box"] is None for of_one in areas for area in of_one):
        width_height_areas = zip(*sides, areas, strict=True)
        masks = [{"width": w, "height": h, "areas": of_one} for w, h, of_one in width_height_areas]
        cells["mask"] = pl.Series(masks, dtype=MASK)
    return pl.DataFrame(
        {
            "file": [folder + str(picture["file_name"]) for picture in pictures],
            "width": sides[0],
            "height": sides[1],
            **cells,
        },
        schema_overrides={"file": pl.String, "width": pl.Int64, "height": pl.Int64},
    )


def with_columns_alike(files: Sequence[tuple[str, pl.DataFrame]]) -> list[tuple[str, pl.DataFrame]]:
    """Return tables with `keypoints` and `mask` in all those of COCO's documents where one has them.

    Args:
        files: names and tables, those of other files among them, which stay as they are.

    Raises:
        DataError: documents with different columns list one picture.

    Example:
        >>> coco = {"file": ["a.png"], "width": [8], "height": [8], "boxes": [[]], "annotated": [[]]}
        >>> of_lists = {"boxes": pl.List(BOX), "annotated": pl.List(LOOKED_FOR)}
        >>> seen = pl.DataFrame(coco, schema_overrides=of_lists)
        >>> outlined = seen.with_columns(pl.lit("b.png").alias("file"), pl.lit(None, MASK).alias("mask"))
        >>> [frame.width for _, frame in with_columns_alike([("a.json", seen), ("b.json", outlined)])]
        [6, 6]
    """
    of_coco = {place: frame for place, (_, frame) in enumerate(files) if _is_of_coco(frame)}
    more = {key: of for key, of in _MORE.items() if any(key in frame.columns for frame in of_coco.values())}
    alike, pictures = list(files), dict[str, str]()
    for place, frame in of_coco.items():
        name = files[place][0]
        lacking = [pl.lit(None, of).alias(key) for key, of in more.items() if key not in frame.columns]
        alike[place] = (name, frame.with_columns(lacking))
        twice = next((file for file in frame["file"] if pictures.setdefault(file, name) != name), None)
        if twice is not None and any(len(one.columns) < len(_OF_ALL) + len(more) for one in of_coco.values()):
            raise DataError(
                f"{name} and {pictures[twice]} both list the picture {twice!r}, and each would be half "
                "labelled in two rows: make one document of them."
            )
    return alike


def _is_of_coco(frame: pl.DataFrame) -> bool:
    of_all = set(frame.columns) - set(_MORE) == _OF_ALL
    return of_all and all(frame.schema[key] == of for key, of in _OF_LISTS.items() if key in frame.columns)


def _numbers(items: Sequence[Any], path: Path, what: str) -> list[Any]:
    """Return the `id` of each entry; of two with one it would not be known whose an annotation is."""
    found = [_of(item, "id", path, what) for item in items]
    strange = [number for number in found if not isinstance(number, int | str | float)]
    if strange:
        raise DataError(f"{path}: an entry of `{what}s` has the id {strange[0]!r}, expected a number.")
    if len(set(found)) < len(found):
        twice = next(number for number, times in Counter(found).items() if times > 1)
        raise DataError(
            f"{path}: {found.count(twice)} entries of `{what}s` have the id {twice!r}, so that it is not "
            "known whose an annotation is: give each its own, or keep documents that were joined apart."
        )
    return found


def category_numbers(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the number of each category by its name; of two with one name that which annotations have.

    Raises:
        DataError: annotations have both or neither.

    Example:
        >>> twice = [{"id": 0, "name": "fish"}, {"id": 1, "name": "fish"}]
        >>> category_numbers({"categories": twice, "annotations": [{"category_id": 1}]}, Path("a.json"))
        {'fish': 1}
    """
    categories, annotations = (_list(document.get(key), key, path) for key in ("categories", "annotations"))
    names = {_of(c, "id", path, "categorie"): str(c.get("name", c["id"])) for c in categories}
    used = {annotation.get("category_id") for annotation in annotations}
    named = {names[number] for number in used if number in names}
    meant = {number: name for number, name in names.items() if number in used or name not in named}
    _require_names_apart(meant, list(meant), path)
    return {name: number for number, name in meant.items()}


def _require_names_apart(names: Mapping[Any, str], used: Sequence[Any], path: Path) -> None:
    """Raise `DataError` if two categories that are used have one name, which is all that is kept of them."""
    counts = Counter(names[number] for number in dict.fromkeys(used))
    twice = next((name for name, times in counts.items() if times > 1), None)
    if twice is not None:
        numbers = [number for number, name in names.items() if name == twice]
        raise DataError(
            f"{path}: the categories {', '.join(map(repr, numbers))} are all named {twice!r}, and a box is "
            "known by the name: give each its own, or one number to all of them."
        )


def _of(item: Any, key: str, path: Path, what: str) -> Any:
    if not isinstance(item, Mapping) or key not in item:
        raise DataError(f"{path}: an entry of `{what}s` has no {key!r}: it is no whole COCO document.")
    return item[key]


def _list(value: Any, key: str, path: Path) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise DataError(f"{path}: `{key}` is {type(value).__name__}, expected a list as COCO has it.")
    return value or []


def _side(picture: Mapping[str, Any], key: str, path: Path) -> int | None:
    """Return width or height in pixels, of which some tools make a fraction or a text."""
    side = picture.get(key)
    try:
        whole = None if side is None else int(float(str(side)))
        fits = whole is None or whole == float(str(side))
    except (TypeError, ValueError, OverflowError):
        whole, fits = None, False
    if not fits:
        raise DataError(f"{path}: the image {picture['id']!r} has the {key} {side!r}, expected whole pixels.")
    return whole


def _is_crowd(value: Any, where: str) -> bool:
    if str(value) not in _FLAGS:
        raise DataError(f"{where} has iscrowd {value!r}, expected 0 or 1.")
    return _FLAGS[str(value)]


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
    first = files[:_SAMPLE]
    if any((parent / name).exists() for name in first):
        return ""
    return "images/" if any((parent / "images" / name).exists() for name in first) else ""
