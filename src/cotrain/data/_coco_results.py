"""Predicted boxes and points as COCO's evaluation reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError, did_you_mean, write_text_atomically
from cotrain.data.readers._coco import category_numbers, is_coco


def write_coco_results(predictions: pl.DataFrame, pictures: str | Path, path: str | Path) -> int:
    """Write predicted boxes as a list of {image_id, category_id, bbox, score}, and return their number.

    Points are written as {image_id, category_id, keypoints, score}, one thing a picture, of the only category
    that names these points: x, y and 1 for each, 0 three times for those that are not predicted. The score is
    the mean of those of the points.

    Numbers of pictures and categories are those of a COCO document; a category is found by its name. The file
    is whole or not there.

    Source: https://cocodataset.org/#format-results.

    Args:
        predictions: a row for each picture of the document, in its order; one column of lists of boxes (box,
            label, score) or of points (point, label, score) in pixels. For COCO's figures boxes of every
            score are needed: `Detection(least=0)`.
        pictures: the document, .json.
        path: what is written.

    Raises:
        DataError: it is no such document, there is not one column of boxes or points, or a label is no
            category, or none of its keypoints.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> document = {"images": [{"id": 7, "file_name": "a.png"}], "categories": [{"id": 3, "name": "cat"}]}
        >>> _ = (folder / "pictures.json").write_text(json.dumps(document))
        >>> boxes = pl.DataFrame({"things": [[{"box": [1.0, 2.0, 3.0, 4.0], "label": "cat", "score": 0.5}]]})
        >>> write_coco_results(boxes, folder / "pictures.json", folder / "said.json")
        1
        >>> json.loads((folder / "said.json").read_text())
        [{'image_id': 7, 'category_id': 3, 'bbox': [1.0, 2.0, 3.0, 4.0], 'score': 0.5}]
    """
    document = _document(Path(pictures))
    column, kind = coco_column(predictions, path)
    images = document["images"]
    if predictions.height != len(images):
        raise DataError(
            f"Cannot write {path}: {pictures} lists {len(images)} images, and there are predictions of "
            f"{predictions.height} rows."
        )
    cells = zip(images, predictions[column].to_list(), strict=True)
    of_kind = _results_of_boxes if kind == "box" else _results_of_points
    results = of_kind([(image["id"], cell or []) for image, cell in cells], document, pictures)
    write_text_atomically(Path(path), json.dumps(results) + "\n")
    return len(results)


def coco_column(predictions: pl.DataFrame, path: str | Path) -> tuple[str, str]:
    """Return the one column of predictions that COCO's results have a place for, and "box" or "point".

    Raises:
        DataError: there is not one.
    """
    kinds = {name: kind for name, dtype in predictions.schema.items() if (kind := _held(dtype))}
    if len(kinds) != 1:
        found = ", ".join(kinds) or "none"
        raise DataError(
            f"Cannot write {path}: COCO results are of one column of boxes or points, and the predictions "
            f"have {found}; choose .jsonl for all of them."
        )
    return next(iter(kinds.items()))


#: Numbers of pictures, and what was predicted in them.
_Said = list[tuple[Any, list[dict[str, Any]]]]


def _results_of_boxes(said: _Said, document: Mapping[str, Any], pictures: str | Path) -> list[dict[str, Any]]:
    numbers = category_numbers(document, Path(pictures))
    return [
        {
            "image_id": image,
            "category_id": _category(box["label"], numbers, pictures),
            "bbox": box["box"],
            "score": box["score"],
        }
        for image, boxes in said
        for box in boxes
    ]


def _results_of_points(
    said: _Said, document: Mapping[str, Any], pictures: str | Path
) -> list[dict[str, Any]]:
    labels = list(dict.fromkeys(point["label"] for _, points in said for point in points))
    named = {c["id"]: [str(one) for one in c.get("keypoints") or []] for c in document.get("categories", [])}
    fitting = [category for category, names in named.items() if names and set(labels) <= set(names)]
    if len(fitting) != 1:
        raise DataError(
            f"{pictures} has {len(fitting)} categories with the predicted keypoints "
            f"{', '.join(map(repr, labels[:8]))}; COCO results need one: choose .jsonl or .parquet."
        )
    names, results = named[fitting[0]], []
    for image, points in said:
        places = {point["label"]: [*point["point"], 1] for point in points}
        keypoints = [value for name in names for value in places.get(name, [0, 0, 0])]
        score = sum(point["score"] for point in points) / max(1, len(points))
        found = {"image_id": image, "category_id": fitting[0], "keypoints": keypoints, "score": score}
        results += [found] if points else []
    return results


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{path} is no COCO document ({error}), of which .json results need the numbers of pictures and "
            "categories; choose .jsonl or .parquet."
        ) from error
    if not is_coco(document):
        raise DataError(
            f"{path} is no COCO document, of which .json results need the numbers of pictures and categories"
            "; choose .jsonl or .parquet."
        )
    return document


def _held(dtype: pl.DataType) -> str:
    """Return "box" or "point", whichever a column lists; "": neither."""
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    fields = {f.name for f in inner.fields} if isinstance(inner, pl.Struct) else set()
    return next((kind for kind in ("box", "point") if {kind, "label", "score"} <= fields), "")


def _category(label: str, numbers: Mapping[str, Any], pictures: str | Path) -> Any:
    if label not in numbers:
        raise DataError(
            f"{pictures} has no category {label!r}, which was predicted; {did_you_mean(label, list(numbers))}"
        )
    return numbers[label]
