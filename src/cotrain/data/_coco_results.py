"""Predicted boxes as COCO's evaluation reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError, did_you_mean, write_text_atomically
from cotrain.data.readers._coco import is_coco


def write_coco_results(predictions: pl.DataFrame, pictures: str | Path, path: str | Path) -> int:
    """Write predicted boxes as a list of {image_id, category_id, bbox, score}, and return their number.

    Numbers of pictures and categories are those of a COCO document; a category is found by its name. The file
    is whole or not there.

    Source: https://cocodataset.org/#format-results.

    Args:
        predictions: a row for each picture of the document, in its order; one column of lists of boxes (box,
            label, score) in pixels.
        pictures: the document, .json.
        path: what is written.

    Raises:
        DataError: it is no such document, there is not one column of boxes, or a label is no category.

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
    columns = [name for name, dtype in predictions.schema.items() if _holds_boxes(dtype)]
    if len(columns) != 1:
        found = ", ".join(columns) or "none"
        raise DataError(
            f"Cannot write {path}: COCO results are of one column of boxes, and the predictions have {found}"
            "; choose .jsonl for all of them."
        )
    images = document["images"]
    if predictions.height != len(images):
        raise DataError(
            f"Cannot write {path}: {pictures} lists {len(images)} images, and there are predictions of "
            f"{predictions.height} rows."
        )
    numbers = {str(c.get("name", c["id"])): c["id"] for c in document.get("categories", [])}
    results = [
        {
            "image_id": image["id"],
            "category_id": _category(box["label"], numbers, pictures),
            "bbox": box["box"],
            "score": box["score"],
        }
        for image, boxes in zip(images, predictions[columns[0]].to_list(), strict=True)
        for box in boxes or []
    ]
    write_text_atomically(Path(path), json.dumps(results) + "\n")
    return len(results)


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


def _holds_boxes(dtype: pl.DataType) -> bool:
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    return isinstance(inner, pl.Struct) and {"box", "label", "score"} <= {f.name for f in inner.fields}


def _category(label: str, numbers: Mapping[str, Any], pictures: str | Path) -> Any:
    if label not in numbers:
        raise DataError(
            f"{pictures} has no category {label!r}, which was predicted; {did_you_mean(label, list(numbers))}"
        )
    return numbers[label]
