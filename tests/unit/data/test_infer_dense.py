import json

import numpy as np
import polars as pl
import pytest

from cotrain import tasks
from cotrain._base import DataError
from cotrain.data import infer_tasks, read_table
from cotrain.data._infer_dense import infer_dense

image_module = pytest.importorskip("PIL.Image")

BOXES = [[{"box": [2, 1, 4, 4], "label": "cat"}, {"box": [0, 0, 2, 2], "label": "dog"}], [], None]


def saved(folder, name, values, mode=None):
    """Save an array, or bytes that are no picture, and return the path."""
    path = folder / name
    path.write_bytes(values) if isinstance(values, bytes) else image_module.fromarray(values, mode).save(path)
    return str(path)


@pytest.fixture
def pictures(tmp_path):
    return [saved(tmp_path, f"{i}.png", np.full((8, 8, 3), 40 * i, np.uint8)) for i in range(3)]


@pytest.mark.parametrize("form", ["lists", "json", "json with an empty cell"])
def test_lists_of_boxes_are_a_detection(form, pictures):
    cells = BOXES if form == "lists" else [None if c is None else json.dumps(c) for c in BOXES]
    if form.endswith("empty cell"):
        cells = [*cells[:2], ""]
    frame = pl.DataFrame({"file": pictures, "things": cells})
    (guess,) = infer_tasks(frame, ["things"])
    assert (guess.kind, guess.options, guess.labelled) == ("Detection", {"picture": "file"}, 2)
    assert "2 classes: cat, dog" in guess.why
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    task.fit(frame)
    assert task.encode(frame)[1].flatten().tolist() == [True, True, True, True, False, False]


def test_stated_sizes_are_read_and_are_no_inputs(pictures):
    frame = pl.DataFrame({"file": pictures, "width": [8] * 3, "height": [8] * 3, "things": BOXES})
    (guess,) = infer_tasks(frame, ["things"])
    assert (guess.options, guess.beside) == ({}, ("width", "height"))


def test_pictures_beside_pictures_are_masks(tmp_path, pictures):
    masks = [np.array([[0, 3], [255, 1]], np.uint8), np.zeros((2, 2), np.uint8)]
    paths = [*(saved(tmp_path, f"mask{i}.png", mask) for i, mask in enumerate(masks)), None]
    frame = pl.DataFrame({"file": pictures, "mask": paths})
    (guess,) = infer_tasks(frame, ["mask"])
    assert (guess.kind, guess.options, guess.labelled) == ("Segmentation", {}, 2)
    assert "class numbers, 0 to 3" in guess.why


def test_masks_in_black_and_white_are_not_taken_for_background_alone(tmp_path, pictures):
    masks = [saved(tmp_path, f"mask{i}.png", np.array([[0, 255 * (i % 2)]], np.uint8)) for i in range(3)]
    with pytest.raises(DataError, match="'mask' holds masks of 0 and 255, .* save the class as 1"):
        infer_tasks(pl.DataFrame({"file": pictures, "mask": masks}), ["mask"])


@pytest.mark.parametrize(
    ("values", "said"), [([0, 128], "0 and 128"), ([0, 100, 200, 255], "0, 100 and 200")]
)
def test_grey_masks_are_not_taken_for_a_hundred_classes(values, said, tmp_path, pictures):
    masks = [saved(tmp_path, f"mask{i}.png", np.array([values], np.uint8)) for i in range(3)]
    with pytest.raises(DataError, match=f"'mask' holds masks of the numbers {said} alone, .* save them as 0"):
        infer_tasks(pl.DataFrame({"file": pictures, "mask": masks}), ["mask"])


def test_a_table_whose_only_pictures_are_the_target_is_refused(tmp_path):
    paths = [saved(tmp_path, f"{i}.png", np.zeros((2, 2), np.uint8)) for i in range(30)]
    with pytest.raises(DataError, match="'mask' has 30 different texts"):
        infer_tasks(pl.DataFrame({"x": list(range(30)), "mask": paths}), ["mask"])


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.zeros((4, 4, 3), np.uint8), "holds colours"),
        (b"no picture", "cannot be read"),
    ],
)
def test_pictures_that_are_no_masks_are_refused_in_a_sentence(tmp_path, pictures, values, what):
    paths = [saved(tmp_path, "mask.png", values), None, None]
    with pytest.raises(DataError, match=what) as error:
        infer_tasks(pl.DataFrame({"file": pictures, "mask": paths}), ["mask"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "values", "options"),
    [
        ("depth", np.array([[900, 4000]], np.uint16), {}),
        ("height", np.array([[900, 4000]], np.uint16), {"quantity": "values"}),
        ("depth", np.array([[0.5, np.nan]]), {}),
        ("normals", np.tile([0.0, 0.0, 1.0], (2, 2, 1)), {"quantity": "normals"}),
        ("normals", np.full((2, 2, 3), 200, np.uint8), {"quantity": "normals"}),
    ],
)
def test_numbers_of_every_pixel_are_a_dense_regression(tmp_path, pictures, name, values, options):
    if values.dtype == float:
        path = str(tmp_path / "field.npy")
        np.save(path, values)
    else:
        path = saved(tmp_path, "field.png", values)
    frame = pl.DataFrame({"file": pictures, name: [path, None, path]})
    (guess,) = infer_tasks(frame, [name])
    assert (guess.kind, guess.options, guess.labelled) == ("DenseRegression", options, 2)
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    task.fit(frame)
    assert task.encode(frame)[1].any()


@pytest.mark.parametrize(
    "cells",
    [["a", "b"], ["[1, 2]", "[3]"], [[{"x": 1}], []], ["[{broken", "["], [None, None], [[], []]],
)
def test_other_columns_are_none(cells):
    values = pl.Series("t", cells, dtype=pl.String if cells[0] is None else None)
    assert infer_dense(values, ["file"], ["file", "t"]) is None


def test_a_coco_file_gives_a_detection(tmp_path):
    saved(tmp_path, "a.png", np.zeros((8, 8, 3), np.uint8))
    annotation = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 4, 4]}
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 8, "height": 8}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [annotation],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    (guess,) = infer_tasks(read_table(tmp_path / "instances.json"), ["boxes"])
    assert (guess.kind, guess.beside) == ("Detection", ("width", "height"))


def test_in_which_of_several_pictures_something_is_is_guessed_by_the_names():
    boxes = pl.Series("boxes_side", [[{"box": [2, 1, 4, 4], "label": "cat"}], [], None])
    for columns in (["front", "side", "boxes_side"], ["front", "side", "boxes_side", "width", "height"]):
        guess = infer_dense(boxes, ["front", "side"], columns)
        assert guess is not None
        assert guess.options == {"picture": "side"}


@pytest.mark.parametrize("as_json", [False, True])
def test_lists_of_points_are_keypoints(as_json, pictures):
    cells = [
        [{"point": [2, 1], "label": "nose"}, {"point": [0, 2], "label": "ear"}],
        None,
        [{"point": [1, 1], "label": "ear"}],
    ]
    cells = [None if cell is None else json.dumps(cell) for cell in cells] if as_json else cells
    frame = pl.DataFrame({"file": pictures, "face": cells})
    (guess,) = infer_tasks(frame, ["face"])
    assert (guess.kind, guess.options, guess.labelled) == ("Keypoints", {"picture": "file"}, 2)
    assert "2 points: ear, nose" in guess.why
    task = tasks.Keypoints(guess.name, **guess.options)
    task.fit(frame)
    assert task.encode(frame)[1].tolist() == [[True, True], [False, False], [False, True]]


@pytest.mark.parametrize("form", ["mappings", "json"])
def test_areas_are_a_segmentation(form, pictures):
    polygon = [[1.0, 1.0, 5.0, 1.0, 5.0, 6.0]]
    cells = [
        {"height": 8, "width": 8, "areas": [{"label": "cat", "polygons": polygon}]},
        {"height": 8, "width": 8, "areas": [{"label": "dog", "polygons": polygon}]},
        None,
    ]
    if form == "json":
        cells = [None if cell is None else json.dumps(cell) for cell in cells]
    frame = pl.DataFrame({"file": pictures, "mask": cells})
    (guess,) = infer_tasks(frame, ["mask"])
    assert (guess.kind, guess.options, guess.labelled) == ("Segmentation", {}, 2)
    assert "2 classes beside the background: cat, dog" in guess.why
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    task.fit(frame)
    assert task.parts == ["background", "cat", "dog"]
    several = frame.with_columns(other=pl.col("file"), width=8, height=8)
    (guess,) = infer_tasks(several, ["mask"])
    assert (set(guess.options), guess.beside) == ({"picture"}, ("width", "height"))


def test_text_in_braces_is_text(pictures):
    values = pl.Series("t", ["{a}", "{b}", "{a}"])
    assert infer_dense(values, ["file"], ["file", "t"]) is None
