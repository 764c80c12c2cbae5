"""Predicted boxes as COCO's evaluation reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import write_coco_results

PICTURES: dict[str, Any] = {
    "images": [{"id": 12, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],
    "categories": [{"id": 34, "name": "cat"}, {"id": 5, "name": "dog"}],
}
CAT = {"box": [1.0, 2.0, 3.5, 4.0], "label": "cat", "score": 0.75}
SAID = {"box": pl.List(pl.Float64), "label": pl.String, "score": pl.Float64}
DOG = {"box": [0.0, 0.0, 9.0, 8.0], "label": "dog", "score": 0.5}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(PICTURES))
    return path


def test_pictures_and_categories_have_the_numbers_of_the_document(pictures: Path, tmp_path: Path):
    said = pl.DataFrame({"kind": ["x", "y"], "things": [[DOG], [CAT, DOG]]})
    assert write_coco_results(said, pictures, tmp_path / "said.json") == 3
    assert json.loads((tmp_path / "said.json").read_text()) == [
        {"image_id": 12, "category_id": 5, "bbox": DOG["box"], "score": 0.5},
        {"image_id": 3, "category_id": 34, "bbox": CAT["box"], "score": 0.75},
        {"image_id": 3, "category_id": 5, "bbox": DOG["box"], "score": 0.5},
    ]


@pytest.mark.parametrize(("used", "number"), [([34], 34), ([5], 5), ([7], None), ([34, 5], None), ([], None)])
def test_of_two_categories_of_one_name_that_in_use_is_meant(pictures: Path, tmp_path: Path, used, number):
    categories = [{"id": 34, "name": "cat"}, {"id": 7, "name": "dog"}, {"id": 5, "name": "cat"}]
    annotations = [{"category_id": one} for one in used]
    pictures.write_text(json.dumps(PICTURES | {"categories": categories, "annotations": annotations}))
    said = pl.DataFrame({"things": [[CAT], []]}, schema={"things": pl.List(pl.Struct(SAID))})
    if number is None:
        with pytest.raises(DataError, match="the categories 34, 5 are all named 'cat'"):
            write_coco_results(said, pictures, tmp_path / "said.json")
    else:
        write_coco_results(said, pictures, tmp_path / "said.json")
        assert json.loads((tmp_path / "said.json").read_text())[0]["category_id"] == number


def test_nothing_found_is_an_empty_list(pictures: Path, tmp_path: Path):
    said = pl.DataFrame(
        {"things": pl.Series([[], []], dtype=pl.List(pl.Struct(dict.fromkeys(CAT, pl.String))))}
    )
    assert write_coco_results(said, pictures, tmp_path / "said.json") == 0
    assert json.loads((tmp_path / "said.json").read_text()) == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"kind": ["x", "y"]}, "the predictions have none"),
        ({"a": [[CAT], []], "b": [[], [CAT]]}, "the predictions have a, b"),
        ({"a": [[CAT]]}, "lists 2 images, and there are predictions of 1 rows"),
        ({"a": [[CAT | {"label": "cow"}], []]}, "has no category 'cow'"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    pictures: Path, tmp_path: Path, said: dict, sentence: str
):
    with pytest.raises(DataError, match=sentence):
        write_coco_results(pl.DataFrame(said), pictures, tmp_path / "said.json")
    assert not (tmp_path / "said.json").exists()


@pytest.mark.parametrize("text", ["file,kind\na.png,x\n", "[1, 2]", ""])
def test_other_data_is_no_coco_document(tmp_path: Path, text: str):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"is no COCO document.*choose \.jsonl"):
        write_coco_results(pl.DataFrame({"a": [[CAT]]}), tmp_path / "t.csv", tmp_path / "said.json")


POINTS = [
    {"point": [1.0, 2.0], "label": "nose", "score": 0.5},
    {"point": [3.0, 4.0], "label": "ear", "score": 1.0},
]


def with_points(pictures: Path, *categories: int) -> Path:
    document = json.loads(pictures.read_text())
    for number in categories:
        document["categories"][number]["keypoints"] = ["ear", "tail", "nose"]
    pictures.write_text(json.dumps(document))
    return pictures


def test_points_are_those_of_the_category_that_names_them(pictures: Path, tmp_path: Path):
    said = pl.DataFrame({"face": [POINTS, []]})
    assert write_coco_results(said, with_points(pictures, 1), tmp_path / "said.json") == 1
    assert json.loads((tmp_path / "said.json").read_text()) == [
        {"image_id": 12, "category_id": 5, "keypoints": [3.0, 4.0, 1, 0, 0, 0, 1.0, 2.0, 1], "score": 0.75}
    ]


@pytest.mark.parametrize("categories", [(), (0, 1)])
def test_points_of_no_or_of_two_categories_are_refused(pictures: Path, tmp_path: Path, categories):
    said = pl.DataFrame({"face": [POINTS, []]})
    with pytest.raises(
        DataError, match=f"has {len(categories)} categories with the predicted keypoints 'nose'"
    ):
        write_coco_results(said, with_points(pictures, *categories), tmp_path / "said.json")
    assert not (tmp_path / "said.json").exists()
