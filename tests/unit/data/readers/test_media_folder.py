"""Folders of pictures and sounds are tables: classes, masks and parts are what their folders are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cotrain._base import DataError
from cotrain.data import read_table
from cotrain.data.readers import read_folder
from cotrain.learner import Recommendation


def folder_of(root: Path, *files: str) -> Path:
    for file in files:
        path = root / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root / "data"


def rows_of(folder: Path) -> list[dict[str, str | None]]:
    return read_folder(folder).to_dicts()


def test_a_class_a_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "dogs/b.PNG", "cats/old/a.jpg", "cats/c.jpeg", ".git/x.png", "cats/.d.png")
    assert rows_of(folder) == [
        {"file": "data/cats/c.jpeg", "label": "cats"},
        {"file": "data/cats/old/a.jpg", "label": "cats"},
        {"file": "data/dogs/b.PNG", "label": "dogs"},
    ]


@pytest.mark.parametrize("images", ["", "images/"])
def test_files_in_no_folder_have_no_label(tmp_path: Path, images: str) -> None:
    folder = folder_of(tmp_path, f"{images}2.wav", f"{images}1.wav", "README.md")
    assert rows_of(folder) == [{"file": f"data/{images}1.wav"}, {"file": f"data/{images}2.wav"}]


def test_parts_above_classes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "train2017/a/1.png", "Val/b/1.png", "test/a/1.png")
    assert rows_of(folder) == [
        {"file": "data/Val/b/1.png", "label": "b", "split": "validation"},
        {"file": "data/test/a/1.png", "label": "a", "split": "test"},
        {"file": "data/train2017/a/1.png", "label": "a", "split": "train"},
    ]


def test_a_class_may_be_called_like_a_part(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "train/1.png", "bus/1.png")
    assert [row["label"] for row in rows_of(folder)] == ["bus", "train"]


def test_masks_and_fields_beside_pictures(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "images/1.jpg", "images/2.jpg", "masks/1.png", "depth/2_depth.npy")
    assert rows_of(folder) == [
        {"file": "data/images/1.jpg", "depth": None, "mask": "data/masks/1.png"},
        {"file": "data/images/2.jpg", "depth": "data/depth/2_depth.npy", "mask": None},
    ]


@pytest.mark.parametrize("pattern", ["{part}/{what}/{name}", "{what}/{part}/{name}"])
def test_parts_above_or_below_masks(tmp_path: Path, pattern: str) -> None:
    made = [
        pattern.format(part=part, what=what, name=name)
        for part in ("train", "valid")
        for what, name in (("images", "1.jpg"), ("labels", "1_mask.png"))
    ]
    image = [pattern.format(part=part, what="images", name="1.jpg") for part in ("train", "valid")]
    mask = [pattern.format(part=part, what="labels", name="1_mask.png") for part in ("train", "valid")]
    found = rows_of(folder_of(tmp_path, *made))
    assert found == [
        {"file": f"data/{image[0]}", "mask": f"data/{mask[0]}", "split": "train"},
        {"file": f"data/{image[1]}", "mask": f"data/{mask[1]}", "split": "validation"},
    ]


def test_classes_in_a_folder_called_images(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "images/train/a/1.png", "images/test/b/1.png")
    assert rows_of(folder) == [
        {"file": "data/images/test/b/1.png", "label": "b", "split": "test"},
        {"file": "data/images/train/a/1.png", "label": "a", "split": "train"},
    ]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["README.md"], "a folder without a Parquet file, a picture or a sound"),
        (["a/1.png", "2.png"], "holds 1 files beside the folders of classes, the first being 2.png"),
        (["train/1.png", "test/1.png", "more/1.png"], r"'more' beside folders of parts \(test, train\)"),
        (["train/1.png", "test/1.png", "1.png"], r"files beside folders of parts"),
        (["images/1.png", "masks/2.png"], "masks/2.png belongs to no input"),
        (["images/1.png", "masks/1.png", "masks/1_mask.png"], "1_mask.png is the second of its input"),
        (["images/1.png", "images/1.jpg", "masks/1.png"], "1.jpg and images/1.png have one name"),
        (["images/1.png", "2.png", "masks/1.png"], "holds 2.png beside the folder 'images'"),
        (["images/1.png", "imgs/1.png"], "holds images and imgs: expected one folder of inputs"),
        (["a/1.png", "b/1.png", "labels.csv"], "holds the table labels.csv, which says more"),
        (["train2017/1.jpg", "annotations/instances.json"], "holds the table annotations/instances.json"),
        (["images/1.png", "labels/1.txt"], "labels/1.txt: boxes as YOLO writes them are not read"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, files: list[str], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_folder(folder_of(tmp_path, *files))


def test_init_knows_classes_masks_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for number in range(24):
        part, name = ("train", "val", "test")[number % 3], f"{number:02}.png"
        for folder in (f"pets/{part}/{'cats' if number % 2 else 'dogs'}", f"cells/images/{part}"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / folder / name)
        (tmp_path / f"cells/masks/{part}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 2, (8, 8), np.uint8)).save(tmp_path / f"cells/masks/{part}" / name)
    monkeypatch.chdir(tmp_path / "pets")
    assert Path(read_table(".")["file"][0]) == tmp_path / "pets/test/cats/05.png"
    for target, kind in (("pets", "Binary"), ("cells", "Segmentation")):
        column = "label" if target == "pets" else "mask"
        config = Recommendation.of_table(str(tmp_path / target), [column], probe=False).config
        assert config["tasks"] == [{"kind": kind, "name": column}]
        assert config["split"] == {"column": "split"}
        assert config["columns"] == {"file": "picture"}


@pytest.mark.parametrize("name", ["NA", "null", "None", "nan"])
def test_a_class_that_reads_as_an_empty_cell_is_refused(name: str, tmp_path: Path) -> None:
    # All of its files were unlabelled, without a word.
    folder = folder_of(tmp_path, "cats/a.png", f"{name}/b.png")
    with pytest.raises(DataError, match=f"holds the folder '{name}', and a class of that name reads as an"):
        read_folder(folder)
