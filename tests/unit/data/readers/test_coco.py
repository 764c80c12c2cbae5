"""COCO's annotations as a table."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from cotrain._base import DataError
from cotrain.data import infer_kind, read_table
from cotrain.data._read import read_cells
from cotrain.data._write import write_table
from cotrain.data.readers._coco import BOX, LOOKED_FOR, coco_table, is_coco
from cotrain.data.readers._coco_masks import MASK
from cotrain.tasks import Detection, Segmentation
from cotrain.tasks.dense._run_lengths import runs_as_text

DOCUMENT: dict[str, Any] = {
    "images": [
        {"id": 9, "file_name": "b.png", "width": 64, "height": 48},
        {"id": 4, "file_name": "a.png", "width": 32, "height": 32},
    ],
    "categories": [{"id": 21, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 4, "category_id": 5, "bbox": [1, 2, 3.5, 4], "iscrowd": 1},
        {"id": 2, "image_id": 4, "category_id": 21, "bbox": [0, 0, 8, 8]},
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "instances.json"
    path.write_text(json.dumps(document))
    return path


def test_an_empty_picture_is_a_label_and_an_unseen_one_is_none(tmp_path: Path):
    table = read_cells(written(tmp_path, DOCUMENT))
    lists = {"boxes": pl.List(BOX), "annotated": pl.List(LOOKED_FOR)}
    assert table.schema == {"file": pl.String, "width": pl.Int64, "height": pl.Int64, **lists}
    assert table["file"].to_list() == ["b.png", "a.png"]
    assert table["boxes"].to_list() == [
        [],
        [
            {"box": [1.0, 2.0, 3.5, 4.0], "label": "dog", "crowd": True},
            {"box": [0.0, 0.0, 8.0, 8.0], "label": "cat", "crowd": False},
        ],
    ]
    unseen = {key: value for key, value in DOCUMENT.items() if key != "annotations"}
    assert read_cells(written(tmp_path, unseen))["boxes"].to_list() == [None, None]


def of_one_category(folder: Path, name: str) -> str:
    """Write a document of two pictures that lists one category; one picture has a thing of it."""
    corners = {"bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}
    document = {
        "images": [{"id": i, "file_name": f"{name}{i}.png", "width": 8, "height": 8} for i in (1, 2)],
        "categories": [{"id": 1, "name": name}],
        "annotations": [{"image_id": 1, "category_id": 1, **corners}],
    }
    (folder / f"{name}.json").write_text(json.dumps(document))
    return str(folder / f"{name}.json")


def test_of_categories_that_a_document_does_not_list_nothing_is_known_in_its_pictures(tmp_path: Path):
    paths = [of_one_category(tmp_path, name) for name in ("cat", "dog")]
    table = read_cells(paths)
    assert infer_kind(table["annotated"]).column is None
    task = Detection("boxes")
    task.fit(table)
    assert task.parts == ["cat", "dog"]
    assert task.encode(table)[1].tolist() == [[True, False]] * 2 + [[False, True]] * 2
    table.with_columns(annotated=pl.lit(None)).write_parquet(tmp_path / "all.parquet")
    assert task.encode(read_cells(tmp_path / "all.parquet"))[1].all()
    # As text, too; a column that only has the name says nothing.
    as_text = table.with_columns(
        annotated=pl.Series([json.dumps(cell) for cell in table["annotated"].to_list()])
    )
    assert task.encode(as_text)[1].tolist() == task.encode(table)[1].tolist()
    assert task.encode(table.with_columns(annotated=pl.lit("by hand")))[1].all()
    # Whether what has no outline in a picture of cats is a dog nobody knows.
    with pytest.raises(DataError, match="not every document lists 'dog' among its categories"):
        Segmentation("mask").fit(table)
    Segmentation("mask").fit(table.filter(pl.col("file").str.contains("cat")))


def test_pictures_in_the_folder_images_are_found(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "b.png").write_bytes(b"")
    whole = [str(tmp_path / "images" / name) for name in ("b.png", "a.png")]
    assert read_cells(written(tmp_path, DOCUMENT))["file"].to_list() == whole


def changed(*path: Any, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    part: Any = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to
    return document


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (changed("annotations", 0, "image_id", to=77), "annotation 1 belongs to the image 77"),
        (changed("annotations", 1, "category_id", to=1), "annotation 2 is of the category 1"),
        (changed("annotations", 0, "bbox", to=[1, 2, 3]), r"has the bbox \[1, 2, 3\], expected"),
        (changed("annotations", 0, "bbox", to=[1, 2, -3, 4]), "expected .x, y, width, height. in pixels"),
        (changed("annotations", 0, "bbox", to=None), "has the bbox None"),
        (changed("images", 0, to={"id": 3}), "has no 'file_name'"),
        (changed("images", 0, to=[]), "has no 'id'"),
        (changed("images", 1, "id", to=9), "2 entries of `images` have the id 9"),
        (changed("categories", 1, "id", to=21), "2 entries of `categories` have the id 21"),
        (changed("categories", 0, to={"name": "cat"}), "an entry of `categories` has no 'id'"),
    ],
)
def test_what_is_not_whole_is_refused_in_one_sentence(tmp_path: Path, document: Any, sentence: str):
    with pytest.raises(DataError, match=sentence) as caught:
        read_cells(written(tmp_path, document))
    assert "\n" not in str(caught.value)


def test_other_documents_are_none(tmp_path: Path):
    assert not is_coco({"images": 3})
    assert not is_coco([])
    assert coco_table({"images": []}, tmp_path / "x.json").height == 0


def test_labelled_points_are_listed_by_name_and_pictures_without_any_are_empty(tmp_path):
    document = copy.deepcopy(DOCUMENT)
    document["categories"][0]["keypoints"] = ["ear", "tail", "nose"]
    document["annotations"][1]["keypoints"] = [3, 4, 2, 5, 6.5, 1, 0, 0, 0]
    table = coco_table(document, tmp_path / "points.json")
    assert table["keypoints"].to_list() == [
        None,
        [
            {"point": [3.0, 4.0], "label": "ear", "visible": True},
            {"point": [5.0, 6.5], "label": "tail", "visible": False},
        ],
    ]
    assert "keypoints" not in coco_table(DOCUMENT, tmp_path / "boxes.json").columns
    del document["annotations"]
    assert coco_table(document, tmp_path / "points.json")["keypoints"].null_count() == 2


@pytest.mark.parametrize("values", [[1, 2], [1, 2, 2], "none", [1, 2, "x"] * 3])
def test_points_of_another_form_are_refused(tmp_path, values):
    document = copy.deepcopy(DOCUMENT)
    document["categories"][0]["keypoints"] = ["ear", "tail", "nose"]
    document["annotations"][1]["keypoints"] = values
    with pytest.raises(DataError, match="annotation 2 in .* has keypoints .* for each of the 3 keypoints"):
        coco_table(document, tmp_path / "points.json")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (changed("annotations", to={"1": {}}), "`annotations` is dict, expected a list"),
        (changed("categories", to={"1": {}}), "`categories` is dict, expected a list"),
        (changed("annotations", 0, to="x"), "entry 0 of `annotations` is 'x', no mapping"),
        (
            changed("annotations", 0, "iscrowd", to="no"),
            "annotation 1 in the image .* has iscrowd 'no', expected",
        ),
        (changed("images", 0, "width", to="wide"), "the image 9 has the width 'wide', expected whole pixels"),
        (changed("images", 0, "height", to=1.5), "the image 9 has the height 1.5, expected whole pixels"),
        (changed("images", 0, "id", to=[1]), r"an entry of `images` has the id \[1\], expected a number"),
        (changed("categories", 1, "name", to="cat"), "the categories 21, 5 are all named 'cat'"),
    ],
)
def test_entries_of_other_forms_are_refused_in_a_sentence(tmp_path: Path, document: Any, said: str):
    with pytest.raises(DataError, match=said) as error:
        read_cells(written(tmp_path, document))
    assert "\n" not in str(error.value)


def test_sides_and_flags_are_read_as_tools_write_them(tmp_path: Path):
    plain = read_cells(written(tmp_path, DOCUMENT))
    for width in (64.0, "64"):
        assert read_cells(written(tmp_path, changed("images", 0, "width", to=width))).equals(plain)
    for no, crowd in (("0", False), (False, False), (None, False), (0.0, False), ("1", True), (True, True)):
        table = read_cells(written(tmp_path, changed("annotations", 0, "iscrowd", to=no)))
        assert [box["crowd"] for box in table["boxes"].to_list()[1]] == [crowd, False]


def test_the_folder_is_found_though_the_first_picture_is_not_there(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    assert coco_table(DOCUMENT, tmp_path / "instances.json")["file"].to_list() == [
        "images/b.png",
        "images/a.png",
    ]


def outlined(*segmentations: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for annotation, segmentation in zip(document["annotations"], segmentations, strict=True):
        annotation["segmentation"] = segmentation
    return document


def test_outlines_are_the_areas_of_a_mask(tmp_path: Path):
    triangle = [0, 0, 8, 0, 8, 8.5]
    runs = {"counts": [32 * 32 - 5, 5], "size": [32, 32]}
    table = read_cells(written(tmp_path, outlined(runs, [triangle, triangle])))
    assert table.schema["mask"] == MASK
    nothing = {"polygons": None, "rle": None, "box": None}
    assert table["mask"].to_list() == [
        {"height": 48, "width": 64, "areas": []},
        {
            "height": 32,
            "width": 32,
            "areas": [
                {**nothing, "label": "dog", "rle": runs_as_text([32 * 32 - 5, 5])},
                {**nothing, "label": "cat", "polygons": [[float(v) for v in triangle]] * 2},
            ],
        },
    ]


def test_a_thing_without_an_outline_has_its_box_and_a_document_without_any_has_no_mask(tmp_path: Path):
    table = read_cells(written(tmp_path, outlined([], [[0, 0, 8, 0, 8, 8]])))
    assert [area["box"] for area in table["mask"][1]["areas"]] == [[1.0, 2.0, 3.5, 4.0], None]
    for nothing in ([], None, [[]]):
        assert "mask" not in read_cells(written(tmp_path, outlined(nothing, nothing))).columns


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".json", ".parquet"])
def test_a_table_with_masks_is_the_same_from_every_file(tmp_path: Path, ending: str):
    document = outlined(
        {"counts": [99, 5, 920], "size": [32, 32]}, [[0, 0, 8, 0, 8, 8.5], [9, 9, 14, 9, 14, 30]]
    )
    document["annotations"].append({"id": 3, "image_id": 9, "category_id": 21, "bbox": [40, 30, 9, 9]})
    table = read_table(written(tmp_path, document))
    path = tmp_path / f"table{ending}"
    table.write_json(path) if ending == ".json" else write_table(table, path)
    first, again = (Segmentation("mask", size=32) for _ in range(2))
    first.fit(table)
    again.fit(read_table(path))
    assert again.state_dict() == first.state_dict()
    for one, other in zip(again.encode(read_table(path)), first.encode(table), strict=True):
        assert torch.equal(one, other)


def test_a_strange_outline_is_refused_with_its_annotation(tmp_path: Path):
    with pytest.raises(DataError, match=r"json: annotation 2 in the image '.*' has the polygon \[1, 2, 3\]"):
        read_cells(written(tmp_path, outlined([], [[1, 2, 3]])))
