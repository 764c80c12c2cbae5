"""Outlines and run lengths of COCO's annotations."""

import pytest

from cotrain._base import DataError
from cotrain.data.readers._coco_masks import area_of
from cotrain.tasks.dense._run_lengths import runs_as_text

BOX = [1.0, 2.0, 3.0, 4.0]
RUNS = [2, 3, 7]


def of(segmentation, size=(3, 4)):
    area = area_of(segmentation, "cat", BOX, size=size, where="a.json: annotation 5")
    assert list(area) == ["label", "polygons", "rle", "box"]
    return {key: value for key, value in area.items() if value is not None and key != "label"}


@pytest.mark.parametrize("segmentation", [[[0, 0, 2, 0, 2, 2.5]], [0, 0, 2, 0, 2, 2.5]])
def test_polygons_are_kept(segmentation):
    assert of(segmentation) == {"polygons": [[0.0, 0.0, 2.0, 0.0, 2.0, 2.5]]}


def test_all_parts_are_kept_but_those_that_enclose_nothing():
    part = [0.0, 0.0, 2.0, 0.0, 2.0, 2.5]
    assert of([part, [1, 1, 2, 2], part]) == {"polygons": [part, part]}


@pytest.mark.parametrize("counts", [RUNS, runs_as_text(RUNS)])
def test_run_lengths_are_text(counts):
    for size in ((3, 4), (None, None)):
        assert of({"counts": counts, "size": [3, 4]}, size) == {"rle": runs_as_text(RUNS)}


@pytest.mark.parametrize("segmentation", [None, [], [[]], {}, "", [[1, 1, 2, 2]]])
def test_what_has_no_outline_has_its_box(segmentation):
    assert of(segmentation) == {"box": BOX}


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[0, 0, 2, 0, 2]], r"the polygon \[0, 0, 2, 0, 2\], expected \[x, y"),
        ([[0, 0, 2, 0, 2, "a"]], "the polygon"),
        ([[0, 0, 2, 0, 2, float("nan")]], "the polygon"),
        ([[[0, 0], [2, 0], [2, 2]], []], "the polygon"),
        ([{"counts": RUNS, "size": [3, 4]}], "the polygon"),
        ("outline", "the segmentation 'outline', expected a list"),
        ({"counts": RUNS}, "expected size"),
        ({"counts": [2, -3, 13], "size": [3, 4]}, "expected size"),
        ({"counts": RUNS, "size": [4, 3]}, "of a picture of 3×4 pixels, and its own has 4×3"),
        ({"counts": [2, 3], "size": [3, 4]}, "5 pixels together, and a picture of 4×3 has 12"),
        ({"counts": "o", "size": [3, 4]}, "a letter is lacking"),
    ],
)
def test_other_forms_are_refused_with_their_annotation(segmentation, message):
    with pytest.raises(DataError, match=f"a.json: annotation 5.*{message}") as error:
        of(segmentation)
    assert "\n" not in str(error.value)
